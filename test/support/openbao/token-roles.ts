import type { Fields, Schema } from "./decode.ts";
import { type Handler, name, type Path } from "./framework.ts";
import { defaultTtl, listResponse, type Namespace, notHere, Refusal, sorted } from "./logical.ts";
import { sanitized } from "./policy.ts";

/** The role of tokens that are made at `auth/token/create/<name>`. Durations are seconds. */
export interface TokenRole {
  name: string;
  allowed_policies: string[];
  disallowed_policies: string[];
  allowed_policies_glob: string[];
  disallowed_policies_glob: string[];
  orphan: boolean;
  renewable: boolean;
  path_suffix: string;
  token_type: string;
  token_no_default_policy: boolean;
  token_num_uses: number;
  /** Fields with an old and a new name. A role that was written with the old name shows both. */
  period: number;
  token_period: number;
  explicit_max_ttl: number;
  token_explicit_max_ttl: number;
}

export interface RoleStore {
  get(namespace: Namespace, name: string): TokenRole | undefined;
  set(namespace: Namespace, role: TokenRole): void;
  delete(namespace: Namespace, name: string): void;
  names(namespace: Namespace): string[];
}

/** Makes an empty set of roles, for all namespaces. */
export function roleStore(): RoleStore {
  const roles = new Map<string, TokenRole>();
  const key = (namespace: Namespace, role: string) => `${namespace.id}/${role}`;
  return {
    get: (namespace, role) => roles.get(key(namespace, role)),
    set: (namespace, role) => void roles.set(key(namespace, role.name), role),
    delete: (namespace, role) => void roles.delete(key(namespace, role)),
    names: (namespace) =>
      [...roles.keys()].filter((one) => one.startsWith(key(namespace, ""))).map((one) => one.split("/")[1]!),
  };
}

const fields: Schema = {
  role_name: "string",
  allowed_policies: "comma strings",
  disallowed_policies: "comma strings",
  allowed_policies_glob: "comma strings",
  disallowed_policies_glob: "comma strings",
  orphan: "bool",
  period: "seconds",
  path_suffix: "string",
  explicit_max_ttl: "seconds",
  renewable: { type: "bool", fallback: true },
  bound_cidrs: "comma strings",
  allowed_entity_aliases: "comma strings",
  token_bound_cidrs: "comma strings",
  token_explicit_max_ttl: "seconds",
  token_no_default_policy: "bool",
  token_period: "seconds",
  token_type: "string",
  token_num_uses: "int",
};

/** Makes the paths `auth/token/roles`. */
export function rolePaths(roles: RoleStore): Path[] {
  const write: Handler = ({ namespace }, given) => {
    const before = roles.get(namespace, given.get("role_name"));
    const warnings: string[] = [];
    roles.set(namespace, changed(before, given, warnings));
    return warnings.length > 0 ? { warnings } : undefined;
  };
  return [
    {
      pattern: /^roles\/?$/,
      operations: { list: ({ namespace }) => listResponse(sorted(roles.names(namespace))) },
    },
    {
      pattern: new RegExp(`^roles/(?<role_name>${name})$`),
      fields,
      exists: (given, { namespace }) => roles.get(namespace, given.get("role_name")) !== undefined,
      operations: {
        create: write,
        update: write,
        read: ({ namespace }, given) => {
          const role = roles.get(namespace, given.get("role_name"));
          if (role === undefined) return undefined;
          const { token_num_uses, ...rest } = role;
          return {
            data: { ...rest, allowed_entity_aliases: null, ...(token_num_uses > 0 && { token_num_uses }) },
          };
        },
        delete: ({ namespace }, given) => roles.delete(namespace, given.get("role_name")),
      },
    },
  ];
}

function changed(before: TokenRole | undefined, given: Fields, warnings: string[]): TokenRole {
  for (const unknown of ["bound_cidrs", "token_bound_cidrs", "allowed_entity_aliases"])
    if (given.has(unknown)) throw notHere(`${unknown} of token roles`);
  const either = <T>(field: keyof TokenRole, read: (value: never) => T = (value) => value as T): T =>
    before === undefined || given.has(field) ? read(given.get(field) as never) : (before[field] as T);
  if (given.raw["token_type"] === null) throw new Refusal(400, "Invalid 'token_type' value: null");
  const role: TokenRole = {
    name: given.get("role_name"),
    allowed_policies: either("allowed_policies", (names: string[]) => sanitized(names)),
    disallowed_policies: either("disallowed_policies", lowered),
    allowed_policies_glob: either("allowed_policies_glob", (names: string[]) => sanitized(names)),
    disallowed_policies_glob: either("disallowed_policies_glob", lowered),
    orphan: either("orphan"),
    renewable: either("renewable"),
    path_suffix: either("path_suffix"),
    token_type: given.has("token_type") ? given.get("token_type") : (before?.token_type ?? "default-service"),
    token_no_default_policy: either("token_no_default_policy"),
    token_num_uses: either("token_num_uses"),
    ...duration("period", before, given, warnings),
    ...duration("explicit_max_ttl", before, given, warnings),
  } as TokenRole;
  checkRole(role);
  if (role.token_explicit_max_ttl > defaultTtl)
    warnings.push(
      `Given explicit max TTL of ${role.token_explicit_max_ttl} is greater than system/mount allowed value of ${defaultTtl} seconds; until this is fixed attempting to create tokens against this role will result in an error`,
    );
  return role;
}

function lowered(names: readonly string[]): string[] {
  return sorted(new Set(names.map((one) => one.trim().toLowerCase()).filter((one) => one !== "")));
}

function duration(
  field: "period" | "explicit_max_ttl",
  before: TokenRole | undefined,
  given: Fields,
  warnings: string[],
): Partial<TokenRole> {
  const current = `token_${field}` as const;
  if (given.has(current)) {
    if (given.has(field))
      warnings.push(
        `Both '${current}' and deprecated '${field}' value supplied, ignoring the deprecated value`,
      );
    return { [field]: 0, [current]: given.get(current) };
  }
  if (given.has(field)) return { [field]: given.get(field), [current]: given.get(field) };
  return { [field]: before?.[field] ?? 0, [current]: before?.[current] ?? 0 };
}

function checkRole(role: TokenRole): void {
  const { path_suffix, token_type, token_num_uses } = role;
  if (path_suffix !== "" && !/^\w[\w-.]+\w$/.test(path_suffix))
    throw new Refusal(400, "given role path suffix contains invalid characters; must match \\w[\\w-.]+\\w");
  if (!["service", "batch", "default-service", "default-batch"].includes(token_type))
    throw new Refusal(400, `invalid 'token_type' value ${JSON.stringify(token_type)}`);
  const hindrances = [
    [!role.orphan, "non-orphan tokens"],
    [role.token_period > 0, "periodic tokens"],
    [role.renewable, "renewable tokens"],
    [role.token_explicit_max_ttl > 0, "tokens with an explicit max TTL"],
  ] as const;
  const hindrance = hindrances.find(([holds]) => token_type === "batch" && holds);
  if (hindrance)
    throw new Refusal(400, `'token_type' cannot be 'batch' when role is set to generate ${hindrance[1]}`);
  if (token_num_uses < 0)
    throw new Refusal(400, "error parsing role fields: 'token_num_uses' cannot be negative");
}
