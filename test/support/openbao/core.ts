import { alreadyThere, among, type Backend, dispatch } from "./framework.ts";
import {
  type Data,
  failure,
  type LogicalRequest,
  type LogicalResponse,
  type Login,
  listed,
  type Namespace,
  type Operation,
  Refusal,
  type Token,
  WrongCredentials,
} from "./logical.ts";
import { type Acl, aclOf, capabilitiesAt, mayDo, type Rule, sanitized } from "./policy.ts";
import { authOf, calculateTtl, type TokenStore, tokenStore } from "./token-store.ts";

export interface Mount {
  namespace: Namespace;
  /** `secret/`, `auth/approle/`, without the path of the namespace. */
  path: string;
  type: string;
  description: string;
  options: Record<string, string> | null;
  accessor: string;
  uuid: string;
  /** True for a mount that every namespace has: it cannot be removed. */
  fixed: boolean;
  backend: Backend;
}

export interface Policy {
  text: string;
  rules: Rule[];
  version: number;
  modified: number;
}

/** The state of a server, without its connections. */
export interface Core {
  now(): number;
  sealed: boolean;
  namespaces: Namespace[];
  mounts: Mount[];
  /** Policies by the namespace's id, then by name. */
  policies: Map<string, Map<string, Policy>>;
  tokens: TokenStore;
  /** Ids of entities, by the auth method and its name for them: `auth_approle_12ab34cd/role`. */
  entities: Map<string, string>;
  /** Failed logins of an entity since its last successful one: their number, and the time of the last. */
  failures: Map<string, { count: number; last: number }>;
}

/** A request before its namespace, token and mount are known. */
export interface Incoming {
  id: string;
  operation: Operation;
  /** The path after `/v1/`. */
  path: string;
  data: Data;
  token: string;
  /** The header `X-Vault-Namespace`; empty if there is none. */
  namespace: string;
}

/** Makes the state of a server with its root namespace alone. */
export function emptyCore(now: () => number): Core {
  const root: Namespace = { id: "root", uuid: crypto.randomUUID(), path: "", customMetadata: {} };
  return {
    now,
    sealed: false,
    namespaces: [root],
    mounts: [],
    policies: new Map(),
    tokens: tokenStore(now),
    entities: new Map(),
    failures: new Map(),
  };
}

/** Paths of the whole server, which other namespaces do not have. */
const rootOnly = [
  "audit",
  "config",
  "generate-root",
  "health",
  "host-info",
  "init",
  "metrics",
  "quotas",
  "raw",
  "rekey",
  "seal",
  "step-down",
  "storage",
  "unseal",
];

/** Handles a request. Returns undefined for a success without a response. Throws a Refusal. */
export function handle(core: Core, incoming: Incoming): LogicalResponse | undefined {
  if (/(^|\/)\.\.?(\/|$)/.test(incoming.path)) throw new Refusal(400, "relative paths not supported");
  if (core.sealed) throw new Refusal(503, "Vault is sealed");
  core.tokens.expire();
  const { request, path, mount } = locate(core, incoming);
  if (mount !== undefined && among(mount.backend.open, request.path)) {
    tellCreateFromUpdate(request, mount);
    return mount.backend.loginAs ? guarded(core, request, path, mount) : answered(core, request, path, mount);
  }
  const { entry } = request;
  if (entry === undefined) throw new Refusal(403, "permission denied");
  const fault = checkAccess(core, request, path, mount);
  const isLastUse = entry.numUses === 1;
  core.tokens.use(entry);
  try {
    if (fault !== undefined) throw fault;
    return answered(core, request, path, mount);
  } catch (error) {
    if (error instanceof Refusal && error.isFailure) throw new Refusal(error.status, listed([error.message]));
    throw error;
  } finally {
    if (isLastUse) core.tokens.revoke(entry);
  }
}

/** Finds the token, the namespace and the mount of a request. */
function locate(core: Core, { id, operation, path: full, data, token, namespace: header }: Incoming) {
  const resolved = resolveNamespace(core, header, full);
  if (resolved === undefined) throw new Refusal(404, "namespace not found");
  const { path } = resolved;
  if (resolved.namespace.path !== "" && path.startsWith("sys/") && rootOnly.includes(path.split("/")[1]!))
    throw new Refusal(400, "operation only available in root namespace");
  if (path.endsWith("/") && ["create", "update", "patch"].includes(operation))
    throw new Refusal(400, "cannot write to a path ending in '/'");
  if (operation === "") throw new Refusal(400, "cannot handle internal-only request operation");

  const found = token === "" ? undefined : core.tokens.find(token);
  const entry = found !== undefined && found.numUses >= 0 ? found : undefined;
  const own = path.startsWith("auth/token/") ? namespaceOfToken(core, path, data, entry) : undefined;
  const namespace = own ?? resolved.namespace;
  const mount = mountAt(core, namespace, path);
  const below = mount === undefined ? path : (namespace.path + path).slice(fullPath(mount).length);
  const mountPath = mount?.path ?? "";
  const request: LogicalRequest = { id, operation, path: below, data, token, entry, namespace, mountPath };
  return { request, path, mount };
}

const lockout = { failures: 5, milliseconds: 15 * 60_000 };

/** Handles a login. After five failures an entity may not log in for a while. */
function guarded(core: Core, request: LogicalRequest, path: string, mount: Mount) {
  const who = `${mount.accessor}/${mount.backend.loginAs!(request)}`;
  const before = core.failures.get(who);
  const recent = before !== undefined && core.now() - before.last < lockout.milliseconds ? before : undefined;
  if (recent !== undefined && recent.count >= lockout.failures) throw new Refusal(403, "permission denied");
  try {
    const response = answered(core, request, path, mount);
    core.failures.delete(who);
    return response;
  } catch (error) {
    if (error instanceof WrongCredentials)
      core.failures.set(who, { count: (recent?.count ?? 0) + 1, last: core.now() });
    throw error;
  }
}

function answered(core: Core, request: LogicalRequest, path: string, mount: Mount | undefined) {
  if (mount === undefined) throw new Refusal(404, `no handler for route "${path}". route entry not found.`);
  const response = dispatch(mount.backend, request);
  return response?.login ? loggedIn(core, request, mount, response.login, response) : response;
}

/** Returns the reason why a request is not permitted; undefined if it is. */
function checkAccess(
  core: Core,
  request: LogicalRequest,
  path: string,
  mount: Mount | undefined,
): Refusal | undefined {
  try {
    if (mount !== undefined) tellCreateFromUpdate(request, mount);
  } catch (refusal) {
    return refusal as Refusal;
  }
  const acl = aclOfToken(core, request.entry!);
  const { namespace, operation } = request;
  const may = capabilitiesAt(acl, namespace, path, operation);
  const needsSudo = mount !== undefined && among(mount.backend.sudo, request.path);
  const allowed = mayDo(acl, namespace, path, operation) && (!needsSudo || may === "root" || may.has("sudo"));
  return allowed ? undefined : failure(403, "permission denied");
}

function tellCreateFromUpdate(request: LogicalRequest, mount: Mount): void {
  if (request.operation !== "update") return;
  if (alreadyThere(mount.backend, request) === false) request.operation = "create";
}

/** Returns the permissions of all policies of a token. */
export function aclOfToken(core: Core, { policies, namespace }: Token): Acl {
  if (policies.includes("root")) return aclOf([], namespace);
  const known = core.policies.get(namespace.id);
  return aclOf(policies.flatMap((name) => known?.get(name)?.rules ?? []));
}

/** Returns the namespace of a request, and its path in it; undefined if no namespace has the name in the header. */
function resolveNamespace(core: Core, header: string, path: string) {
  const parts = header.split("/").filter((part) => part !== "");
  const prefix = parts.length === 0 || parts.join("/") === "root" ? "" : `${parts.join("/")}/`;
  const full = prefix + path;
  const namespace = core.namespaces
    .filter((one) => full.startsWith(one.path))
    .reduce((longest, one) => (one.path.length > longest.path.length ? one : longest));
  if (!namespace.path.startsWith(prefix)) return undefined;
  return { namespace, path: full.slice(namespace.path.length) };
}

/** Returns the namespace of a token that is looked up, renewed or revoked: its own, whatever the request names. Undefined for other paths. */
function namespaceOfToken(core: Core, path: string, data: Data, entry: Token | undefined) {
  const own = ["lookup-self", "renew-self", "revoke-self"].some((one) => path === `auth/token/${one}`);
  if (own) return entry?.namespace;
  if (!["lookup", "renew", "revoke", "revoke-orphan"].some((one) => path === `auth/token/${one}`))
    return undefined;
  const given = data["token"];
  if (given === undefined) return path === "auth/token/lookup" ? entry?.namespace : undefined;
  if (typeof given !== "string") throw new Refusal(403, "invalid token");
  return core.namespaces.find(({ id }) => given.endsWith(`.${id}`));
}

function fullPath({ namespace, path }: Mount): string {
  return namespace.path + path;
}

/** Returns the mount at a path or above it. */
export function mountAt(core: Core, namespace: Namespace, path: string): Mount | undefined {
  const full = namespace.path + path;
  const matching = (whole: string) =>
    core.mounts
      .filter((mount) => whole.startsWith(fullPath(mount)))
      .reduce<Mount | undefined>(
        (longest, one) => (longest && fullPath(longest).length >= fullPath(one).length ? longest : one),
        undefined,
      );
  return matching(full) ?? (full.endsWith("/") ? undefined : matching(`${full}/`));
}

/** Makes the token of a login. */
function loggedIn(
  core: Core,
  { namespace }: LogicalRequest,
  mount: Mount,
  login: Login,
  response: LogicalResponse,
) {
  const { ttl, maxTtl, period, explicitMaxTtl } = login.renewal();
  const calculated = calculateTtl(core.now(), { ttl, maxTtl, period, explicitMaxTtl });
  const policies = sanitized(login.policies, !login.noDefaultPolicy);
  if (policies.includes("root")) throw new Refusal(400, "auth methods cannot create root tokens");
  const known = `${mount.accessor}/${login.alias}`;
  if (!core.entities.has(known)) core.entities.set(known, crypto.randomUUID());
  const source = mount.path.slice("auth/".length).replaceAll("/", "-");
  const token = core.tokens.make({
    policies,
    path: `${mount.path}login`,
    meta: login.metadata,
    displayName: (source + login.displayName).replace(/-$/, ""),
    ttl: calculated.ttl,
    namespace,
    type: login.type,
    renewable: login.type === "service",
    numUses: login.numUses,
    period,
    explicitMaxTtl,
    entityId: core.entities.get(known)!,
    renewal: login.renewal,
  });
  return {
    ...response,
    auth: authOf(token),
    warnings: [...calculated.warnings, ...(response.warnings ?? [])],
  };
}
