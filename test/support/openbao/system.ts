import { aclOfToken, type Core } from "./core.ts";
import type { Backend, Handler, Path } from "./framework.ts";
import type { Jwts } from "./kubernetes.ts";
import {
  type Data,
  type LogicalResponse,
  listResponse,
  type Namespace,
  notHere,
  Refusal,
  sorted,
  timestamp,
} from "./logical.ts";
import { mountPaths } from "./mounts.ts";
import { namespacePaths } from "./namespaces.ts";
import { capabilitiesAt, parsePolicy } from "./policy.ts";
import { type Quotas, quotaPaths } from "./quotas.ts";

/** Paths that a real server has and this one has not. */
const elsewhere = [
  "audit",
  "capabilities",
  "capabilities-accessor",
  "config",
  "generate-root",
  "ha-status",
  "host-info",
  "in-flight-req",
  "init",
  "internal",
  "key-status",
  "leader",
  "leases",
  "locked-users",
  "loggers",
  "metrics",
  "mfa",
  "monitor",
  "plugins",
  "policies/password",
  "pprof",
  "quotas",
  "raw",
  "rekey",
  "remount",
  "replication",
  "rotate",
  "step-down",
  "storage",
  "tools",
  "version-history",
  "wrapping",
];

function refuse(): never {
  throw notHere("such path of sys");
}

/** Makes `sys`. `addBuiltIns` adds the mounts and policies of a new namespace. */
export function systemBackend(
  core: Core,
  quotas: Quotas,
  jwts: Jwts,
  addBuiltIns: (namespace: Namespace) => void,
): Backend {
  return {
    sudo: ["auth/*", "remount", "audit", "audit/*", "raw", "raw/*", "rotate", "config/cors", "leases"],
    open: ["internal/ui/mounts", "internal/ui/mounts/*"],
    paths: [
      ...mountPaths(core, jwts),
      ...policyPaths(core),
      ...namespacePaths(core, addBuiltIns),
      ...quotaPaths(core, quotas),
      {
        pattern: /^capabilities-self$/,
        fields: { token: "string", path: "comma strings", paths: "comma strings" },
        operations: { update: capabilitiesSelf(core) },
      },
      {
        pattern: new RegExp(`^(${elsewhere.join("|")})(/|$)`),
        operations: { read: refuse, update: refuse, list: refuse, delete: refuse, patch: refuse },
      },
    ],
  };
}

function capabilitiesSelf(core: Core): Handler {
  return ({ entry, namespace }, fields) => {
    const given: string[] = fields.has("paths") ? fields.get("paths") : fields.get("path");
    if (given.length === 0) throw new Refusal(400, "paths must be supplied");
    const acl = aclOfToken(core, entry!);
    const entries = given.map((path) => {
      const may = capabilitiesAt(acl, namespace, path);
      if (may === "root") return [path, ["root"]] as const;
      return [path, may.size === 0 ? ["deny"] : sorted(may)] as const;
    });
    const data: Data = Object.fromEntries(entries);
    return { data: { ...data, ...(entries.length === 1 && { capabilities: entries[0]![1] }) } };
  };
}

function policyPaths(core: Core): Path[] {
  const names = (namespace: Namespace) => {
    const known = [...(core.policies.get(namespace.id)?.keys() ?? [])];
    return sorted([
      ...known.filter((name) => name !== "response-wrapping"),
      ...(namespace.path === "" ? ["root"] : []),
    ]);
  };
  const listing =
    (prefix: string): Handler =>
    ({ namespace }) => {
      const keys = names(namespace);
      return prefix === "policy" ? { data: { keys, policies: keys } } : listResponse(keys);
    };
  const reading =
    (prefix: string): Handler =>
    ({ namespace }, fields) => {
      const name = fields.get("name").toLowerCase();
      const policy = core.policies.get(namespace.id)?.get(name);
      const isRoot = name === "root" && namespace.path === "";
      if (policy === undefined && !isRoot) return undefined;
      return {
        data: {
          allow_slashes_in_identity_templates: false,
          allow_wildcards_in_identity_templates: false,
          cas_required: false,
          ...(policy && { modified: timestamp(policy.modified) }),
          name,
          [prefix === "policy" ? "rules" : "policy"]: policy?.text ?? "",
          version: policy?.version ?? 0,
        },
      };
    };
  const paths = (prefix: string, mayRead: boolean): Path[] => [
    {
      pattern: new RegExp(`^${prefix}/?$`),
      operations: { list: listing(prefix), ...(mayRead && { read: listing(prefix) }) },
    },
    {
      pattern: new RegExp(`^${prefix}/(?<name>.+)$`),
      fields: {
        name: "string",
        policy: "string",
        ...(mayRead && { rules: "string" }),
        expiration: "string",
        ttl: "seconds",
        cas: "int",
        cas_required: "bool",
        allow_wildcards_in_identity_templates: "bool",
        allow_slashes_in_identity_templates: "bool",
      },
      operations: {
        list: listing(prefix),
        read: reading(prefix),
        update: ({ namespace }, fields) => {
          for (const unknown of ["rules", "expiration", "ttl", "cas", "cas_required"])
            if (fields.has(unknown)) throw notHere(`${unknown} of policies`);
          return writePolicy(core, namespace, fields.get("name"), fields.get("policy"));
        },
        delete: ({ namespace }, fields) => {
          const name = fields.get("name").toLowerCase();
          if (name === "default") throw new Refusal(400, "cannot delete default policy");
          if (["root", "response-wrapping"].includes(name))
            throw new Refusal(400, `cannot delete ${JSON.stringify(name)} policy`);
          core.policies.get(namespace.id)?.delete(name);
        },
      },
    },
  ];
  return [...paths("policies/acl", false), ...paths("policy", true)];
}

function writePolicy(
  core: Core,
  namespace: Namespace,
  given: string,
  sent: string,
): LogicalResponse | undefined {
  const name = given.toLowerCase();
  if (sent === "") throw new Refusal(400, "'policy' parameter not supplied or empty");
  const text = isBase64(sent) ? Buffer.from(sent, "base64").toString() : sent;
  let rules: ReturnType<typeof parsePolicy>;
  try {
    rules = parsePolicy(text, namespace);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(400, `failed to parse policy: ${(error as Error).message}`);
  }
  if (["root", "response-wrapping"].includes(name))
    throw new Refusal(400, `cannot update ${JSON.stringify(name)} policy`);
  const policies = core.policies.get(namespace.id)!;
  const version = (policies.get(name)?.version ?? 0) + 1;
  policies.set(name, { text, rules, version, modified: core.now() });
  return name === given ? undefined : { warnings: [`policy name was converted to ${name}`] };
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}
