import { aclOfToken, type Core } from "./core.ts";
import { type Fields, parseSeconds } from "./decode.ts";
import {
  failure,
  type LogicalRequest,
  type LogicalResponse,
  notHere,
  Refusal,
  type Token,
} from "./logical.ts";
import { capabilitiesAt, sanitized } from "./policy.ts";
import type { TokenRole } from "./token-roles.ts";
import { authOf, calculateTtl } from "./token-store.ts";

/** Parameters of a new token. */
export interface TokenOptions {
  orphan: boolean;
  role?: TokenRole;
  /** Returns the role as it is when the token is renewed. */
  again?: () => TokenRole | undefined;
}

/** Makes a token on behalf of another token. Throws a Refusal for parameters that are not permitted. */
export function makeToken(
  core: Core,
  request: LogicalRequest,
  fields: Fields,
  making: TokenOptions,
): LogicalResponse {
  const parent = request.entry!;
  const { namespace } = request;
  const { role } = making;
  if (parent.type === "batch") throw new Refusal(400, "batch tokens cannot create more tokens");
  if (parent.numUses !== 0) throw new Refusal(400, "restricted use token cannot generate child tokens");
  const isSudo = hasSudo(core, request);
  if (namespace.id !== parent.namespace.id) checkChildNamespace(isSudo, fields);
  const type = typeOf(fields, role);
  const numUses: number = fields.get("num_uses");
  if (numUses < 0) throw new Refusal(400, "number of uses cannot be negative");
  const id: string = fields.get("id");
  if (id !== "") checkId(core, request, id, isSudo);

  const policies = policiesFor(request, fields, isSudo, role);
  if (policies.includes("root") && !parent.policies.includes("root"))
    throw new Refusal(400, "root tokens may not be created without parent token being root");
  if (policies.includes("root") && type === "batch")
    throw new Refusal(400, "batch tokens cannot be root tokens");
  if (role === undefined && fields.get("no_parent") && !isSudo)
    throw new Refusal(400, "root or sudo privileges required to create orphan token");

  const times = timesOf(fields, isSudo, type === "batch" ? undefined : role);
  const isRoot = policies.includes("root");
  let { ttl } = times;
  const warnings = [...times.warnings];
  if (times.period > 0 || ttl > 0 || !isRoot) {
    const calculated = calculateTtl(core.now(), times);
    ttl = calculated.ttl;
    warnings.push(...calculated.warnings);
  }
  if (ttl === 0) ttl = times.explicitMaxTtl;
  if (ttl === 0 && parent.ttl !== 0)
    throw new Refusal(400, "expiring root tokens cannot create non-expiring root tokens");
  if (id !== "")
    warnings.push(
      "Supplying a custom ID for the token uses the weaker SHA1 hashing instead of the more secure SHA2-256 HMAC for token obfuscation. SHA1 hashed tokens on the wire leads to less secure lookups.",
    );

  const isOrphan = making.orphan || (role === undefined && fields.get("no_parent"));
  const suffix = role === undefined || role.path_suffix === "" ? "" : `/${role.path_suffix}`;
  const token = core.tokens.make({
    ...(id !== "" && { id }),
    policies,
    path: `auth/token/${request.path}${suffix}`,
    meta: fields.has("meta") ? fields.get("meta") : null,
    displayName: displayName(fields.get("display_name")),
    ttl,
    namespace,
    type,
    renewable: type === "service" && ttl !== 0 && fields.get("renewable") && (role?.renewable ?? true),
    numUses: fewest(numUses, role?.token_num_uses ?? 0),
    parent: isOrphan ? undefined : parent.id,
    explicitMaxTtl: times.own.explicitMaxTtl,
    period: times.own.period,
    role: role?.name ?? "",
    renewal: making.again && renewalByRole(making.again, role!.name),
  });
  const missing = policies.filter((name) => !isRoot && !core.policies.get(namespace.id)?.has(name));
  warnings.push(...missing.map((name) => `Policy ${JSON.stringify(name)} does not exist`));
  return { auth: authOf(token), warnings };
}

/** Returns the limits of a renewal: those of the role at that time. A token whose role is deleted cannot be renewed. */
function renewalByRole(again: () => TokenRole | undefined, name: string): Token["renewal"] {
  return () => {
    const role = again();
    if (role === undefined)
      throw failure(
        500,
        `failed to renew entry: original token role ${JSON.stringify(name)} could not be found, not renewing`,
      );
    return { ttl: 0, maxTtl: 0, period: role.token_period, explicitMaxTtl: role.token_explicit_max_ttl };
  };
}

/** True if the token has `sudo` for the request. */
export function hasSudo(core: Core, { entry, namespace, mountPath, path }: LogicalRequest): boolean {
  const may = capabilitiesAt(aclOfToken(core, entry!), namespace, mountPath + path);
  return may === "root" || may.has("sudo");
}

function checkChildNamespace(isSudo: boolean, fields: Fields): void {
  if (!isSudo)
    throw new Refusal(
      400,
      "root or sudo privileges required to directly generate a token in a child namespace",
    );
  if (fields.get("policies").includes("root"))
    throw new Refusal(400, "root tokens may not be created from a parent namespace");
}

function typeOf(fields: Fields, role: TokenRole | undefined): Token["type"] {
  const ofRole = role?.token_type ?? "default-service";
  const isFixed = !ofRole.startsWith("default-");
  const type = isFixed ? ofRole : fields.get("type") || ofRole.slice("default-".length);
  if (fields.get("entity_alias") !== "") {
    if (role) throw notHere("entity aliases of tokens");
    throw new Refusal(400, "'entity_alias' is only allowed in combination with token role");
  }
  if (type === "service") return "service";
  if (type !== "batch") throw new Refusal(400, "invalid 'token_type' value");
  const faults = {
    explicit_max_ttl: seconds(fields, "explicit_max_ttl") > 0,
    num_uses: fields.get("num_uses") !== 0,
    period: seconds(fields, "period") > 0,
  };
  const fault = Object.entries(faults).find(([, isSet]) => isSet);
  if (fault) throw new Refusal(400, `batch tokens cannot have ${JSON.stringify(fault[0])} set`);
  return "batch";
}

function checkId(core: Core, { namespace }: LogicalRequest, id: string, isSudo: boolean): void {
  if (!isSudo) throw new Refusal(400, "root or sudo privileges required to specify token id");
  if (namespace.id !== "root")
    throw new Refusal(400, "token IDs can only be manually specified in the root namespace");
  if (id.startsWith("hvs.")) throw new Refusal(400, "custom token ID cannot have the 'hvs.' prefix");
  if (id.startsWith("s.")) throw new Refusal(400, "custom token ID cannot have the 's.' prefix");
  if (id.includes(".")) throw new Refusal(400, "custom token ID cannot have a '.' in the value");
  if (core.tokens.find(id)) throw new Refusal(400, "cannot create a token with a duplicate ID");
}

function displayName(given: string): string {
  return given === "" ? "token" : `token-${given}`.replace(/[^a-zA-Z0-9-]/g, "-").replace(/-$/, "");
}

/** Returns the smaller of two counts, where 0 means no limit. */
function fewest(a: number, b: number): number {
  return a === 0 || b === 0 ? a || b : Math.min(a, b);
}

function policiesFor(
  request: LogicalRequest,
  fields: Fields,
  isSudo: boolean,
  role: TokenRole | undefined,
): string[] {
  const parent = request.entry!;
  const asked: string[] = fields.get("policies");
  const noDefault: boolean = fields.get("no_default_policy");
  let policies = asked;
  let addDefault = false;
  if (role !== undefined && isRestricted(role)) {
    policies = policiesOfRole(asked, noDefault, role, parent);
  } else if (request.namespace.id !== parent.namespace.id) {
    addDefault = !noDefault;
  } else if (asked.length === 0) {
    policies = parent.policies;
  } else if (isSudo) {
    addDefault = !noDefault;
  } else {
    if (!sanitized(asked).every((one) => parent.policies.includes(one)))
      throw new Refusal(400, "child policies must be subset of parent");
    addDefault = !noDefault && parent.policies.includes("default");
  }
  const all = sanitized(policies, addDefault).filter((one) => !noDefault || one !== "default");
  const internal = all.find((one) => ["response-wrapping", "control-group"].includes(one));
  if (internal) throw new Refusal(400, `cannot assign policy ${JSON.stringify(internal)}`);
  return all;
}

function isRestricted(role: TokenRole): boolean {
  const lists = [
    role.allowed_policies,
    role.disallowed_policies,
    role.allowed_policies_glob,
    role.disallowed_policies_glob,
  ];
  return lists.some((list) => list.length > 0);
}

function policiesOfRole(
  asked: readonly string[],
  noDefault: boolean,
  role: TokenRole,
  parent: Token,
): string[] {
  const disallowed = (one: string) =>
    role.disallowed_policies.includes(one) || matchesAny(role.disallowed_policies_glob, one);
  const addDefault = !noDefault && !role.token_no_default_policy && !disallowed("default");
  const [exact, globs] = [
    sanitized(role.allowed_policies, addDefault),
    sanitized(role.allowed_policies_glob),
  ];
  const limited = role.allowed_policies.length > 0 || role.allowed_policies_glob.length > 0;
  let final = asked.length > 0 ? sanitized(asked, addDefault) : [];
  if (final.length === 0) {
    final = limited ? exact : sanitized(parent.policies, addDefault);
  } else if (limited && !final.every((one) => exact.includes(one) || matchesAny(globs, one))) {
    throw new Refusal(
      400,
      `token policies (${goList(final)}) must be subset of the role's allowed policies (${goList(exact)}) or glob policies (${goList(globs)})`,
    );
  }
  const forbidden = final.find(disallowed);
  if (forbidden)
    throw new Refusal(400, `token policy ${JSON.stringify(forbidden)} is disallowed by this role`);
  return final;
}

function goList(names: readonly string[]): string {
  return `[${names.map((one) => JSON.stringify(one)).join(" ")}]`;
}

function matchesAny(globs: readonly string[], word: string): boolean {
  return globs.some((glob) => {
    const parts = glob.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
    return new RegExp(`^${parts.join(".*")}$`, "s").test(word);
  });
}

function timesOf(fields: Fields, isSudo: boolean, role: TokenRole | undefined) {
  const explicitMaxTtl = seconds(fields, "explicit_max_ttl");
  const period = seconds(fields, "period");
  if (period > 0 && !isSudo)
    throw new Refusal(400, "root or sudo privileges required to create periodic token");
  const ttl = fields.get("ttl") === "" ? seconds(fields, "lease") : seconds(fields, "ttl");
  const warnings: string[] = [];
  const both = (given: number, ofRole: number, what: string) => {
    if (given === 0 || ofRole === 0) return given || ofRole;
    const lesser = Math.min(given, ofRole);
    warnings.push(
      `${what} specified both during creation call and in role; using the lesser value of ${lesser} seconds`,
    );
    return lesser;
  };
  return {
    ttl,
    explicitMaxTtl: both(explicitMaxTtl, role?.token_explicit_max_ttl ?? 0, "Explicit max TTL"),
    period: both(period, role?.token_period ?? 0, "Period"),
    /** Limits that are stored with the token. Those of a role are read from the role. */
    own: { explicitMaxTtl, period },
    warnings,
  };
}

/** Reads a duration as seconds. Throws a Refusal if it is not one, or if it is negative. */
function seconds(fields: Fields, field: string): number {
  let value: number;
  try {
    value = Math.trunc(parseSeconds(fields.get(field)));
  } catch (error) {
    throw new Refusal(400, (error as Error).message);
  }
  if (value < 0) throw new Refusal(400, `${field} must be positive`);
  return value;
}
