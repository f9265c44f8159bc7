import type { Core } from "./core.ts";
import { type Fields, quote } from "./decode.ts";
import { type Backend, type Handler, name, type Path } from "./framework.ts";
import {
  type Data,
  failure,
  type LogicalResponse,
  listResponse,
  notHere,
  Refusal,
  timestamp,
  WrongCredentials,
} from "./logical.ts";
import { renewalOf, shownParams, type TokenParams, tokenFields, tokenParams } from "./token-params.ts";

interface Role extends TokenParams {
  name: string;
  roleId: string;
  secret_id_num_uses: number;
  secret_id_ttl: number;
  /** Secret ids, by the secret id. */
  secrets: Map<string, SecretId>;
}

interface SecretId {
  accessor: string;
  metadata: Record<string, string>;
  /** Number of uses left; 0 means no limit. */
  numUses: number;
  ttl: number;
  created: number;
  expires: number | undefined;
}

const roleFields = {
  role_name: "string",
  bind_secret_id: { type: "bool", fallback: true },
  bound_cidr_list: "comma strings",
  secret_id_bound_cidrs: "comma strings",
  policies: "comma strings",
  secret_id_num_uses: "int",
  secret_id_ttl: "seconds",
  period: "seconds",
  role_id: "string",
  local_secret_ids: "bool",
  ...tokenFields,
} as const;

/** Makes the auth method `approle`. */
export function approleBackend(core: Core): Backend {
  const roles = new Map<string, Role>();
  const find = (fields: Fields) => roles.get(fields.get("role_name").toLowerCase());
  const holding = (fields: Fields): Role => {
    const role = find(fields);
    if (role === undefined) throw new Refusal(404, `role ${quote(fields.get("role_name"))} does not exist`);
    return role;
  };
  const byRoleId = (id: string) => [...roles.values()].find(({ roleId }) => roleId === id);

  const write: Handler = (_, fields) => {
    const existing = find(fields);
    const role = changed(existing, fields);
    const owner = byRoleId(role.roleId);
    if (owner !== undefined && owner !== existing) throw failure(500, "role_id already in use");
    roles.set(role.name, role);
  };
  const under = (rest: string, fields: Path["fields"], operations: Path["operations"]): Path => ({
    pattern: new RegExp(`^role/(?<role_name>${name})/${rest}$`),
    fields: { role_name: "string", ...fields },
    operations,
  });
  const given = {
    metadata: "string",
    cidr_list: "comma strings",
    token_bound_cidrs: "comma strings",
    num_uses: "int",
    ttl: "seconds",
  } as const;
  const issue = (secretId: (fields: Fields) => string): Handler => {
    return (_, fields) => issued(core, holding(fields), secretId(fields), fields);
  };
  const issueRandom = issue(() => crypto.randomUUID());
  const destroySecret: Handler = (_, fields) => {
    find(fields)?.secrets.delete(fields.get("secret_id"));
  };

  return {
    open: ["login"],
    loginAs: ({ data }) => {
      const id = typeof data["role_id"] === "object" ? undefined : String(data["role_id"] ?? "").trim();
      if (id === undefined)
        throw new Refusal(
          500,
          "Field validation failed: error converting input for field \"role_id\": '' expected type 'string', got unconvertible type 'map[string]interface {}'",
        );
      if (id === "") throw new Refusal(500, "missing role_id");
      return id;
    },
    paths: [
      {
        pattern: /^role\/?$/,
        fields: { after: "string", limit: "int" },
        operations: { list: () => listResponse([...roles.keys()].sort()) },
      },
      {
        pattern: new RegExp(`^role/(?<role_name>${name})$`),
        fields: roleFields,
        exists: (fields) => find(fields) !== undefined,
        operations: {
          create: write,
          update: write,
          read: (_, fields) => {
            const role = find(fields);
            return role && { data: shown(role) };
          },
          delete: (_, fields) => void roles.delete(fields.get("role_name").toLowerCase()),
        },
      },
      under(
        "role-id",
        { role_id: "string" },
        {
          read: (_, fields) => {
            const role = find(fields);
            return role && { data: { role_id: role.roleId } };
          },
          update: (_, fields) => {
            const role = holding(fields);
            if (fields.get("role_id") === "") throw new Refusal(400, "missing role_id");
            if (byRoleId(fields.get("role_id"))) throw failure(500, "role_id already in use");
            role.roleId = fields.get("role_id");
          },
        },
      ),
      under("secret-id/?", given, {
        update: issueRandom,
        list: (_, fields) =>
          listResponse([...holding(fields).secrets.values()].map(({ accessor }) => accessor)),
      }),
      under(
        "custom-secret-id",
        { ...given, secret_id: "string" },
        { update: issue((fields) => fields.get("secret_id")) },
      ),
      under(
        "secret-id/lookup",
        { secret_id: "string" },
        {
          update: (_, fields) => {
            const secret = holding(fields).secrets.get(fields.get("secret_id"));
            return secret && { data: shownSecret(secret) };
          },
        },
      ),
      under("secret-id/destroy", { secret_id: "string" }, { update: destroySecret, delete: destroySecret }),
      {
        pattern: /^(role\/.+\/.+|tidy\/.+)$/,
        operations: Object.fromEntries(
          (["read", "update", "delete", "list"] as const).map((operation) => [operation, refuse]),
        ),
      },
      {
        pattern: /^login$/,
        fields: { role_id: "string", secret_id: "string" },
        operations: {
          update: (_, fields) => login(core, roles, byRoleId(fields.get("role_id").trim()), fields),
        },
      },
    ],
  };
}

function refuse(): never {
  throw notHere("such path of approle");
}

function changed(before: Role | undefined, fields: Fields): Role {
  const odd = ["bound_cidr_list", "secret_id_bound_cidrs", "policies", "period", "local_secret_ids"];
  for (const unknown of odd) if (fields.has(unknown)) throw notHere(`${unknown} of roles`);
  const params = tokenParams(before, fields);
  if (!fields.get("bind_secret_id"))
    throw failure(500, "at least one constraint should be enabled on the role");
  const either = (field: "secret_id_num_uses" | "secret_id_ttl") =>
    before === undefined || fields.has(field) ? fields.get(field) : before[field];
  return {
    ...params,
    name: fields.get("role_name").toLowerCase(),
    roleId: fields.get("role_id") || (before?.roleId ?? crypto.randomUUID()),
    secret_id_num_uses: either("secret_id_num_uses"),
    secret_id_ttl: either("secret_id_ttl"),
    secrets: before?.secrets ?? new Map(),
  };
}

function shown(role: Role): Data {
  return {
    bind_secret_id: true,
    local_secret_ids: false,
    secret_id_bound_cidrs: null,
    secret_id_num_uses: role.secret_id_num_uses,
    secret_id_ttl: role.secret_id_ttl,
    ...shownParams(role),
  };
}

function issued({ now }: Core, role: Role, secretId: string, fields: Fields): LogicalResponse {
  for (const unknown of ["cidr_list", "token_bound_cidrs"])
    if (fields.has(unknown)) throw notHere(`${unknown} of secret ids`);
  if (secretId === "") throw new Refusal(400, "missing secret_id");
  const numUses = fields.has("num_uses") ? fields.get("num_uses") : role.secret_id_num_uses;
  if (numUses < 0) throw new Refusal(400, "num_uses cannot be negative");
  if (role.secret_id_num_uses > 0 && (numUses === 0 || numUses > role.secret_id_num_uses))
    throw new Refusal(400, "num_uses cannot be higher than the role's secret_id_num_uses");
  const ttl = fields.has("ttl") ? fields.get("ttl") : role.secret_id_ttl;
  if (role.secret_id_ttl > 0 && (ttl === 0 || ttl > role.secret_id_ttl))
    throw new Refusal(400, "ttl cannot be longer than the role's secret_id_ttl");
  if (role.secrets.has(secretId)) throw failure(500, "SecretID is already registered");
  const secret: SecretId = {
    accessor: crypto.randomUUID(),
    metadata: metadataOf(fields.get("metadata")),
    numUses,
    ttl,
    created: now(),
    expires: ttl === 0 ? undefined : now() + ttl * 1000,
  };
  role.secrets.set(secretId, secret);
  return {
    data: {
      secret_id: secretId,
      secret_id_accessor: secret.accessor,
      secret_id_num_uses: numUses,
      secret_id_ttl: ttl,
    },
  };
}

function metadataOf(text: string): Record<string, string> {
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    throw notHere("secret id metadata that is not JSON");
  }
}

function shownSecret(secret: SecretId): Data {
  return {
    cidr_list: [],
    creation_time: timestamp(secret.created),
    expiration_time: secret.expires === undefined ? "0001-01-01T00:00:00Z" : timestamp(secret.expires),
    last_updated_time: timestamp(secret.created),
    metadata: secret.metadata,
    secret_id_accessor: secret.accessor,
    secret_id_num_uses: secret.numUses,
    secret_id_ttl: secret.ttl,
    token_bound_cidrs: [],
  };
}

function login(
  { now }: Core,
  roles: ReadonlyMap<string, Role>,
  role: Role | undefined,
  fields: Fields,
): LogicalResponse {
  if (role === undefined) throw new Refusal(400, "invalid role or secret ID");
  const secretId: string = fields.get("secret_id").trim();
  if (secretId === "") throw new Refusal(400, "missing secret_id");
  const secret = role.secrets.get(secretId);
  // A real server deletes expired entries up to a minute later.
  if (secret === undefined || (secret.expires !== undefined && secret.expires < now()))
    throw new WrongCredentials("invalid role or secret ID");
  if (secret.numUses === 1) role.secrets.delete(secretId);
  else if (secret.numUses > 1) secret.numUses--;
  return {
    login: {
      type: role.token_type === "batch" ? "batch" : "service",
      policies: role.token_policies,
      metadata: { ...secret.metadata, role_name: role.name },
      noDefaultPolicy: role.token_no_default_policy,
      numUses: role.token_num_uses,
      displayName: "",
      alias: role.roleId,
      renewal: () => {
        const current = roles.get(role.name);
        if (current === undefined)
          throw failure(500, `failed to renew entry: role ${quote(role.name)} does not exist during renewal`);
        return renewalOf(current);
      },
    },
  };
}
