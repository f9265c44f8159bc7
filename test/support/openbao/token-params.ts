import type { Fields, Schema } from "./decode.ts";
import { type Data, notHere, Refusal, type Renewal } from "./logical.ts";

/** Parameters of the tokens that a role of an auth method gives out. Durations are seconds. */
export interface TokenParams {
  token_explicit_max_ttl: number;
  token_max_ttl: number;
  token_no_default_policy: boolean;
  token_num_uses: number;
  token_period: number;
  token_policies: string[];
  token_ttl: number;
  token_type: "default" | "service" | "batch";
}

export const tokenFields = {
  token_bound_cidrs: "comma strings",
  token_explicit_max_ttl: "seconds",
  token_max_ttl: "seconds",
  token_no_default_policy: "bool",
  token_num_uses: "int",
  token_period: "seconds",
  token_policies: "comma strings",
  token_strictly_bind_ip: "bool",
  token_ttl: "seconds",
  token_type: "string",
} as const satisfies Schema;

const kept = [
  "token_explicit_max_ttl",
  "token_max_ttl",
  "token_no_default_policy",
  "token_num_uses",
  "token_period",
  "token_policies",
  "token_ttl",
] as const;

/** Merges given parameters into present ones. Throws a Refusal for bad ones. */
export function tokenParams(before: TokenParams | undefined, fields: Fields): TokenParams {
  for (const unknown of ["token_bound_cidrs", "token_strictly_bind_ip"])
    if (fields.has(unknown)) throw notHere(`${unknown} of roles`);
  const given = kept.map((field) => [
    field,
    before === undefined || fields.has(field) ? fields.get(field) : before[field],
  ]);
  const token_type = fields.has("token_type") ? fields.get("token_type") : (before?.token_type ?? "default");
  const params: TokenParams = { ...Object.fromEntries(given), token_type };
  checkType(params);
  if (params.token_num_uses < 0) throw new Refusal(400, "'token_num_uses' cannot be negative");
  if (params.token_max_ttl > 0 && params.token_ttl > params.token_max_ttl)
    throw new Refusal(400, "'token_ttl' cannot be greater than 'token_max_ttl'");
  return params;
}

/** Returns the parameters as a role shows them. */
export function shownParams(params: TokenParams): Data {
  const shown = Object.fromEntries(kept.map((field) => [field, params[field]]));
  return { ...shown, token_bound_cidrs: [], token_strictly_bind_ip: false, token_type: params.token_type };
}

/** Returns the limits of a renewal of a role's token. */
export function renewalOf(params: TokenParams): Renewal {
  return {
    ttl: params.token_ttl,
    maxTtl: params.token_max_ttl,
    period: params.token_period,
    explicitMaxTtl: params.token_explicit_max_ttl,
  };
}

function checkType({ token_type, token_num_uses, token_period }: TokenParams): void {
  if (token_type.startsWith("default-")) throw notHere(`token_type ${token_type} of roles`);
  if (!["", "default", "service", "batch"].includes(token_type))
    throw new Refusal(400, `invalid 'token_type' value ${JSON.stringify(token_type)}`);
  if (token_type !== "batch") return;
  const refusal = (what: string) =>
    new Refusal(400, `'token_type' cannot be 'batch' or 'default_batch' when set to generate ${what}`);
  if (token_period !== 0) throw refusal("periodic tokens");
  if (token_num_uses !== 0) throw refusal("tokens with limited use count");
}
