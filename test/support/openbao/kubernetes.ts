import type { Core } from "./core.ts";
import { quote } from "./decode.ts";
import { type Backend, type Handler, name } from "./framework.ts";
import { type Data, failure, type LogicalResponse, listResponse, notHere, Refusal } from "./logical.ts";
import { renewalOf, shownParams, type TokenParams, tokenFields, tokenParams } from "./token-params.ts";

/** The service account of a JWT. */
export interface ServiceAccount {
  namespace: string;
  name: string;
  uid: string;
}

/** The service accounts of the JWTs that Kubernetes accepts. */
export type Jwts = ReadonlyMap<string, ServiceAccount>;

interface Role extends TokenParams {
  bound_service_account_names: string[];
  bound_service_account_namespaces: string[];
  audience: string;
  alias_name_source: string;
}

/** Makes the auth method `kubernetes`. A table of accepted JWTs takes the place of Kubernetes. */
export function kubernetesBackend(_core: Core, jwts: Jwts): Backend {
  const roles = new Map<string, Role>();
  let config: Data | undefined;
  const write: Handler = (_, fields) => {
    const key: string = fields.get("name").toLowerCase();
    const before = roles.get(key);
    for (const unknown of [
      "bound_service_account_namespace_selector",
      "policies",
      "ttl",
      "max_ttl",
      "period",
      "num_uses",
      "bound_cidrs",
    ])
      if (fields.has(unknown)) throw notHere(`${unknown} of roles`);
    const list = (field: "bound_service_account_names" | "bound_service_account_namespaces") => {
      const names: string[] = before === undefined || fields.has(field) ? fields.get(field) : before[field];
      return names;
    };
    const role: Role = {
      ...tokenParams(before, fields),
      bound_service_account_names: list("bound_service_account_names"),
      bound_service_account_namespaces: list("bound_service_account_namespaces"),
      audience: fields.has("audience") ? fields.get("audience") : (before?.audience ?? ""),
      alias_name_source: fields.get("alias_name_source"),
    };
    checkRole(role);
    roles.set(key, role);
  };
  return {
    open: ["login"],
    paths: [
      {
        pattern: /^config$/,
        fields: {
          kubernetes_host: "string",
          kubernetes_ca_cert: "string",
          token_reviewer_jwt: "string",
          pem_keys: "comma strings",
          issuer: "string",
          disable_iss_validation: { type: "bool", fallback: true },
          disable_local_ca_jwt: "bool",
        },
        operations: {
          read: () => config && { data: config },
          update: (_, fields) => {
            if (fields.get("kubernetes_host") === "") throw new Refusal(400, "no host provided");
            if (fields.get("disable_local_ca_jwt") && fields.get("kubernetes_ca_cert") === "")
              throw new Refusal(400, "kubernetes_ca_cert must be given when disable_local_ca_jwt is true");
            if (fields.get("pem_keys").length > 0) throw notHere("verification keys");
            const { token_reviewer_jwt, ...rest } = Object.fromEntries(
              [
                "kubernetes_host",
                "kubernetes_ca_cert",
                "pem_keys",
                "issuer",
                "disable_iss_validation",
                "disable_local_ca_jwt",
                "token_reviewer_jwt",
              ].map((field) => [field, fields.get(field)]),
            );
            config = { ...rest, token_reviewer_jwt_set: token_reviewer_jwt !== "" };
          },
        },
      },
      {
        pattern: /^role\/?$/,
        fields: { after: "string", limit: "int" },
        operations: { list: () => listResponse([...roles.keys()].sort()) },
      },
      {
        pattern: new RegExp(`^role/(?<name>${name})$`),
        fields: {
          name: "string",
          bound_service_account_names: "comma strings",
          bound_service_account_namespaces: "comma strings",
          bound_service_account_namespace_selector: "string",
          audience: "string",
          alias_name_source: { type: "string", fallback: "serviceaccount_uid" },
          policies: "comma strings",
          num_uses: "int",
          ttl: "seconds",
          max_ttl: "seconds",
          period: "seconds",
          bound_cidrs: "comma strings",
          ...tokenFields,
        },
        exists: (fields) => roles.has(fields.get("name").toLowerCase()),
        operations: {
          create: write,
          update: write,
          read: (_, fields) => {
            const role = roles.get(fields.get("name").toLowerCase());
            return role && { data: shown(role) };
          },
          delete: (_, fields) => void roles.delete(fields.get("name").toLowerCase()),
        },
      },
      {
        pattern: /^login$/,
        fields: { role: "string", jwt: "string" },
        operations: {
          update: (_, fields) => {
            for (const field of ["role", "jwt"])
              if (fields.get(field) === "") throw new Refusal(400, `missing ${field}`);
            const role = roles.get(fields.get("role").toLowerCase());
            if (role === undefined) throw new Refusal(400, `invalid role name ${quote(fields.get("role"))}`);
            if (config === undefined) throw failure(500, "could not load backend configuration");
            return login(jwts, roles, role, fields.get("role"), fields.get("jwt"));
          },
        },
      },
    ],
  };
}

function checkRole(role: Role): void {
  const { bound_service_account_names: names, bound_service_account_namespaces: namespaces } = role;
  if (names.length === 0) throw new Refusal(400, '"bound_service_account_names" can not be empty');
  if (namespaces.length === 0)
    throw new Refusal(
      400,
      '"bound_service_account_namespaces" can not be empty if "bound_service_account_namespace_selector" is not set',
    );
  for (const list of [names, namespaces])
    if (list.length > 1 && list.includes("*")) throw new Refusal(400, 'can not mix "*" with values');
  if (role.alias_name_source !== "serviceaccount_uid") throw notHere("alias_name_source of roles");
  if (role.audience !== "") throw notHere("audience of roles");
}

function shown(role: Role): Data {
  return {
    alias_name_source: role.alias_name_source,
    bound_service_account_names: role.bound_service_account_names,
    bound_service_account_namespace_selector: "",
    bound_service_account_namespaces: role.bound_service_account_namespaces,
    ...shownParams(role),
  };
}

function login(
  jwts: Jwts,
  roles: ReadonlyMap<string, Role>,
  role: Role,
  roleName: string,
  jwt: string,
): LogicalResponse {
  const claimed = claimsOf(jwt);
  const allows = (list: readonly string[], value: string) =>
    list[0] === "*" || list.some((one) => globs(one, value));
  if (!allows(role.bound_service_account_names, claimed.name))
    throw new Refusal(403, "service account name not authorized");
  if (!allows(role.bound_service_account_namespaces, claimed.namespace))
    throw new Refusal(403, "namespace not authorized");
  if (claimed.uid === "") throw failure(500, "could not parse UID from claims");
  const account = jwts.get(jwt);
  const isSame =
    account?.name === claimed.name && account.namespace === claimed.namespace && account.uid === claimed.uid;
  if (!isSame) throw failure(403, "permission denied");
  return {
    login: {
      type: role.token_type === "batch" ? "batch" : "service",
      policies: role.token_policies,
      metadata: {
        role: roleName,
        service_account_name: claimed.name,
        service_account_namespace: claimed.namespace,
        service_account_secret_name: "",
        service_account_uid: claimed.uid,
      },
      noDefaultPolicy: role.token_no_default_policy,
      numUses: role.token_num_uses,
      displayName: `${claimed.namespace}-${claimed.name}`,
      alias: claimed.uid,
      renewal: () => {
        const current = roles.get(roleName.toLowerCase());
        if (current === undefined)
          throw failure(500, `failed to renew entry: role ${roleName} does not exist during renewal`);
        return renewalOf(current);
      },
    },
  };
}

function globs(pattern: string, value: string): boolean {
  const [start, ...ends] = pattern.split("*");
  if (ends.length === 0) return pattern === value;
  return value.startsWith(start!) && value.endsWith(ends.at(-1)!);
}

/** Returns the service account that a JWT claims. Throws a Refusal if it is not a JWT. */
function claimsOf(jwt: string): ServiceAccount {
  const parts = jwt.split(".");
  try {
    if (parts.length !== 3) throw new Error("a JWT has three parts");
    const kubernetes = JSON.parse(Buffer.from(parts[1]!, "base64url").toString())["kubernetes.io"] ?? {};
    const { name = "", uid = "" } = kubernetes.serviceaccount ?? {};
    return { namespace: kubernetes.namespace ?? "", name, uid };
  } catch {
    throw failure(403, "permission denied");
  }
}

/** Makes a JWT like the one in the files of a pod, without a real signature. */
export function serviceAccountJwt({ namespace, name, uid }: ServiceAccount): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    iss: "https://kubernetes.default.svc.cluster.local",
    sub: `system:serviceaccount:${namespace}:${name}`,
    "kubernetes.io": { namespace, serviceaccount: { name, uid } },
  };
  return `${part({ alg: "RS256", kid: "1" })}.${part(claims)}.${Buffer.from("no signature").toString("base64url")}`;
}
