import type { Core } from "./core.ts";
import type { Backend } from "./framework.ts";
import type { Jwts } from "./kubernetes.ts";
import { type Namespace, notHere } from "./logical.ts";
import { addMount } from "./mounts.ts";
import { parsePolicy } from "./policy.ts";
import type { Quotas } from "./quotas.ts";
import { systemBackend } from "./system.ts";
import { tokenBackend } from "./token-paths.ts";

/** The policy `default`, which every token has unless it was made without it. */
const defaultPolicy = `
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }
path "sys/internal/ui/resultant-acl" { capabilities = ["read"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "sys/leases/lookup" { capabilities = ["update"] }
path "cubbyhole/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "sys/wrapping/wrap" { capabilities = ["update"] }
path "sys/wrapping/lookup" { capabilities = ["update"] }
path "sys/wrapping/unwrap" { capabilities = ["update"] }
path "sys/tools/hash" { capabilities = ["update"] }
path "sys/tools/hash/*" { capabilities = ["update"] }
path "identity/oidc/provider/+/authorize" { capabilities = ["read", "update"] }
`;

const wrappingPolicy = `
path "cubbyhole/response" { capabilities = ["create", "read"] }
path "sys/wrapping/unwrap" { capabilities = ["update"] }
`;

/** Adds the mounts and policies that every namespace has. */
export function addBuiltIns(core: Core, namespace: Namespace, quotas: Quotas, jwts: Jwts): void {
  const shared = { namespace, description: "", options: null, fixed: true };
  const prefix = namespace.path === "" ? "" : "ns_";
  const add = (path: string, type: string, backend: Backend) =>
    addMount(core, { ...shared, path, type: prefix + type, backend });
  const more = (child: Namespace) => addBuiltIns(core, child, quotas, jwts);
  add("sys/", "system", systemBackend(core, quotas, jwts, more));
  add("identity/", "identity", unknown("identities"));
  add("cubbyhole/", "cubbyhole", unknown("cubbyholes"));
  add("auth/token/", "token", tokenBackend(core));
  const policy = (text: string) => ({
    text,
    rules: parsePolicy(text, namespace),
    version: 1,
    modified: core.now(),
  });
  core.policies.set(
    namespace.id,
    new Map([
      ["default", policy(defaultPolicy)],
      ["response-wrapping", policy(wrappingPolicy)],
    ]),
  );
}

function unknown(what: string): Backend {
  const refuse = () => {
    throw notHere(what);
  };
  const operations = {
    read: refuse,
    update: refuse,
    list: refuse,
    scan: refuse,
    delete: refuse,
    patch: refuse,
  };
  return { paths: [{ pattern: /^/, operations }] };
}
