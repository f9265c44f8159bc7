import { approleBackend } from "./approle.ts";
import type { Core, Mount } from "./core.ts";
import { aclOfToken, mountAt } from "./core.ts";
import { quote } from "./decode.ts";
import type { Backend, Handler, Path } from "./framework.ts";
import { type Jwts, kubernetesBackend } from "./kubernetes.ts";
import { kvBackend } from "./kv.ts";
import { kv1Backend } from "./kv1.ts";
import { type Data, failure, type Namespace, notHere, Refusal } from "./logical.ts";
import { mayReach } from "./policy.ts";

/** Types of engines and auth methods that a real server has and this one has not. */
const builtIn = [
  "transit",
  "pki",
  "ssh",
  "totp",
  "database",
  "ldap",
  "openldap",
  "rabbitmq",
  "kubernetes",
  "jwt",
  "oidc",
  "userpass",
  "cert",
  "radius",
  "kerberos",
];

/** Adds a mount, and gives it an accessor. */
export function addMount(core: Core, mount: Omit<Mount, "accessor" | "uuid">): Mount {
  const random = crypto.randomUUID();
  const kind = mount.path.startsWith("auth/") ? `auth_${mount.type}` : mount.type;
  const made = { ...mount, accessor: `${kind}_${random.slice(0, 8)}`, uuid: crypto.randomUUID() };
  core.mounts.push(made);
  return made;
}

/** Makes the paths `sys/mounts`, `sys/auth` and `sys/internal/ui/mounts`. */
export function mountPaths(core: Core, jwts: Jwts): Path[] {
  const fields = {
    path: "string",
    type: "string",
    description: "string",
    config: "map",
    local: "bool",
    seal_wrap: "bool",
    external_entropy_access: "bool",
    plugin_name: "string",
    options: "pairs",
    plugin_version: "string",
  } as const;
  const secretsIn = (namespace: Namespace) =>
    core.mounts.filter((mount) => mount.namespace === namespace && !isAuth(mount));
  const authsIn = (namespace: Namespace) =>
    core.mounts.filter((mount) => mount.namespace === namespace && isAuth(mount));
  const tune: Handler = () => {
    throw notHere("tuning of mounts");
  };
  const tunes = { read: tune, update: tune };

  const mountSecrets: Handler = ({ namespace }, given) => {
    const path = withSlash(given.get("path"));
    const type: string = given.get("type");
    if (type === "") throw new Refusal(400, "backend type must be specified as a string");
    refuseConfig(given.get("config"));
    const options: Record<string, string> = given.get("options");
    if (type === "kv-v1" || type === "kv-v2") options["version"] = type.slice(-1);
    else if (type !== "kv" && options["version"] !== undefined)
      throw new Refusal(400, `secrets engine ${quote(type)} does not allow setting a version`);
    if (!type.startsWith("kv")) refuseType(type);
    if (["auth", "sys", "identity", "cubbyhole", "system"].includes(path.split("/")[0]!))
      throw new Refusal(400, `cannot mount ${quote(path)}`);
    refuseConflict(
      secretsIn(namespace).map((mount) => mount.path),
      path,
    );
    addMount(core, {
      namespace,
      path,
      type: "kv",
      description: given.get("description"),
      options,
      fixed: false,
      backend: kvOfVersion(options["version"] ?? "", core.now),
    });
  };
  const enableAuth: Handler = ({ namespace }, given) => {
    const path = withSlash(given.get("path"));
    const type: string = given.get("type");
    if (type === "") throw new Refusal(400, "backend type must be specified as a string");
    refuseConfig(given.get("config"));
    if (type !== "approle" && type !== "kubernetes") refuseType(type);
    refuseConflict(
      authsIn(namespace).map((mount) => mount.path.slice("auth/".length)),
      path,
    );
    addMount(core, {
      namespace,
      path: `auth/${path}`,
      type,
      description: given.get("description"),
      options: given.get("options"),
      fixed: false,
      backend: type === "approle" ? approleBackend(core) : kubernetesBackend(core, jwts),
    });
  };
  const remove = (mount: Mount | undefined): void => {
    if (mount === undefined) return;
    core.mounts.splice(core.mounts.indexOf(mount), 1);
    // Tokens of logins by this method end with it.
    for (const token of [...core.tokens.all()])
      if (
        token.type === "service" &&
        token.namespace === mount.namespace &&
        token.path.startsWith(mount.path)
      )
        core.tokens.revoke(token);
  };

  return [
    {
      pattern: /^mounts$/,
      operations: { read: ({ namespace }) => ({ data: byPath(secretsIn(namespace)) }) },
    },
    { pattern: /^(mounts|auth)\/(?<path>.+?)\/tune$/, fields: { path: "string" }, operations: tunes },
    {
      pattern: /^mounts\/(?<path>.+?)$/,
      fields,
      operations: {
        update: mountSecrets,
        read: ({ namespace }, given) => {
          const path = withSlash(given.get("path"));
          const mount = secretsIn(namespace).find((one) => one.path === path);
          if (mount === undefined) throw new Refusal(400, `No secret engine mount at ${path}`);
          return { data: shown(mount) };
        },
        delete: ({ namespace }, given) => {
          const path = withSlash(given.get("path"));
          const mount = secretsIn(namespace).find((one) => one.path === path);
          if (mount?.fixed) throw new Refusal(400, `cannot unmount ${quote(path)}`);
          remove(mount);
        },
      },
    },
    { pattern: /^auth$/, operations: { read: ({ namespace }) => ({ data: byPath(authsIn(namespace)) }) } },
    {
      pattern: /^auth\/(?<path>.+)$/,
      fields,
      operations: {
        update: enableAuth,
        read: ({ namespace }, given) => {
          const path = withSlash(given.get("path"));
          const mount = authsIn(namespace).find((one) => one.path === `auth/${path}`);
          if (mount === undefined) throw new Refusal(400, `No auth engine at ${path}`);
          return { data: shown(mount) };
        },
        delete: ({ namespace }, given) => {
          const path = withSlash(given.get("path"));
          if (path === "token/") throw new Refusal(400, "token credential backend cannot be disabled");
          remove(authsIn(namespace).find((one) => one.path === `auth/${path}`));
        },
      },
    },
    {
      pattern: /^internal\/ui\/mounts$/,
      operations: {
        read: () => {
          throw notHere("list of what a token may see");
        },
      },
    },
    {
      pattern: /^internal\/ui\/mounts\/(?<path>.+)$/,
      fields: { path: "string" },
      operations: {
        read: ({ entry, namespace }, given) => {
          if (entry === undefined) throw failure(403, "permission denied");
          const path = withSlash(given.get("path"));
          const mount = mountAt(core, namespace, path);
          if (mount === undefined || !mayReach(aclOfToken(core, entry), mount.namespace, mount.path))
            throw new Refusal(
              403,
              `preflight capability check returned 403, please ensure client's policies grant access to path ${quote(path)}`,
            );
          const prefix = mount.namespace === namespace ? "" : mount.namespace.path;
          const inTable = prefix === "" ? pathInTable(mount) : mount.path;
          return { data: { ...shown(mount), path: prefix + inTable } };
        },
      },
    },
  ];
}

function isAuth({ path }: Mount): boolean {
  return path.startsWith("auth/");
}

function pathInTable(mount: Mount): string {
  return isAuth(mount) ? mount.path.slice("auth/".length) : mount.path;
}

function withSlash(path: string): string {
  return `${path.replace(/^\/+|\/+$/g, "")}/`;
}

function refuseConfig(config: Data | null): void {
  if (config !== null && Object.keys(config).length > 0) throw notHere("configuration of mounts");
}

function refuseType(type: string): never {
  if (builtIn.includes(type)) throw notHere(`engine of type ${type}`);
  throw new Refusal(400, `plugin not found in the catalog: ${type}`);
}

function refuseConflict(taken: readonly string[], path: string): void {
  const other = taken.find((one) => one.startsWith(path) || path.startsWith(one));
  if (other !== undefined) throw new Refusal(400, `path is already in use at ${other}`);
}

function kvOfVersion(version: string, now: () => number): Backend {
  if (version === "2") return kvBackend(now);
  if (version === "1" || version === "") return kv1Backend();
  throw new Refusal(400, 'nil backend of type "kv" returned from factory');
}

function byPath(mounts: readonly Mount[]): Data {
  return Object.fromEntries(mounts.map((mount) => [pathInTable(mount), shown(mount)]));
}

function shown(mount: Mount): Data {
  return {
    accessor: mount.accessor,
    config: {
      default_lease_ttl: 0,
      force_no_cache: false,
      max_lease_ttl: 0,
      ...(isAuth(mount) && { token_type: "default-service" }),
    },
    ...(!mount.fixed && { deprecation_status: "supported" }),
    description: mount.description,
    external_entropy_access: false,
    local: mount.type.endsWith("cubbyhole"),
    options: mount.options,
    plugin_version: "",
    running_plugin_version: `v${version}+builtin.bao`,
    running_sha256: "",
    seal_wrap: mount.type.endsWith("system"),
    type: mount.type,
    uuid: mount.uuid,
  };
}

/** The version of OpenBao that this server imitates. */
export const version = "2.6.2";
