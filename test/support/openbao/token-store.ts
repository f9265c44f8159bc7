import { goDuration, quote } from "./decode.ts";
import { type Auth, defaultTtl, randomText, type Token } from "./logical.ts";

/** Fields of a new token, except those that the store sets. */
export type NewToken = Pick<
  Token,
  "policies" | "path" | "meta" | "displayName" | "ttl" | "namespace" | "renewable"
> &
  Partial<Token>;

/** All tokens of a server. */
export interface TokenStore {
  make(token: NewToken): Token;
  /** Returns a valid token by its id. */
  find(id: string): Token | undefined;
  byAccessor(accessor: string): Token | undefined;
  /** Counts a use. After the last one the token is used up. */
  use(token: Token): void;
  /** Revokes a token, and all tokens that were made with it. */
  revoke(token: Token): void;
  /** Revokes one token, and makes orphans of the tokens that were made with it. */
  revokeAlone(token: Token): void;
  /** Revokes expired tokens. */
  expire(): void;
  all(): Iterable<Token>;
}

/** Makes an empty store with a clock. */
export function tokenStore(now: () => number): TokenStore {
  const tokens = new Map<string, Token>();
  const revoke = (token: Token): void => {
    tokens.delete(token.id);
    for (const child of [...tokens.values()]) if (child.parent === token.id) revoke(child);
  };
  return {
    revoke,
    make(given) {
      const suffix = given.namespace.id === "root" ? "" : `.${given.namespace.id}`;
      const isBatch = given.type === "batch";
      const at = isBatch ? Math.floor(now() / 1000) * 1000 : now();
      const token: Token = {
        id: `${isBatch ? `b.${randomText(160)}` : `s.${randomText(24)}`}${suffix}`,
        type: "service",
        accessor: isBatch ? "" : `${randomText(24)}${suffix}`,
        parent: undefined,
        numUses: 0,
        creationTime: at,
        explicitMaxTtl: 0,
        period: 0,
        role: "",
        expireTime: given.ttl === 0 ? undefined : at + given.ttl * 1000,
        lastRenewal: undefined,
        leaseTtl: given.ttl,
        issueTime: at,
        entityId: "",
        renewal: undefined,
        ...given,
      };
      tokens.set(token.id, token);
      return token;
    },
    find: (id) => tokens.get(id),
    byAccessor: (accessor) => [...tokens.values()].find((token) => token.accessor === accessor),
    use(token) {
      if (token.numUses > 0) token.numUses = token.numUses === 1 ? -1 : token.numUses - 1;
    },
    revokeAlone(token) {
      tokens.delete(token.id);
      for (const child of tokens.values()) if (child.parent === token.id) child.parent = undefined;
    },
    expire() {
      for (const token of [...tokens.values()])
        if (token.expireTime !== undefined && token.expireTime < now()) revoke(token);
    },
    all: () => tokens.values(),
  };
}

/** Limits from which a TTL is calculated, in seconds; 0 means no limit. */
export interface Ttls {
  increment?: number;
  ttl: number;
  period: number;
  maxTtl?: number;
  explicitMaxTtl: number;
  /** Time at which the token was made. Default: now. */
  start?: number;
}

/** Calculates the TTL of a token, in seconds, with warnings. Throws an Error if the token has expired. */
export function calculateTtl(now: number, ttls: Ttls): { ttl: number; warnings: string[] } {
  const { increment = 0, ttl, period, maxTtl = 0, explicitMaxTtl } = ttls;
  const seconds = Math.floor(now / 1000);
  const start = ttls.start === undefined ? seconds : Math.floor(ttls.start / 1000);
  const longest = Math.min(...[defaultTtl, maxTtl, explicitMaxTtl].filter((one) => one > 0));
  const warnings: string[] = [];
  let chosen = increment || ttl || defaultTtl;
  let end: number | undefined = start + longest;
  if (period > 0) {
    if (period > longest)
      warnings.push(
        `period of ${quote(shortDuration(period))} exceeded the effective max_ttl of ${quote(shortDuration(longest))}; period value is capped accordingly`,
      );
    chosen = Math.min(period, longest);
    end = explicitMaxTtl > 0 ? start + explicitMaxTtl : undefined;
  }
  if (end === undefined) return { ttl: chosen, warnings };
  const left = end - seconds;
  if (left <= 0) throw new Error("past the max TTL, cannot renew");
  if (chosen > left)
    warnings.push(
      `TTL of ${quote(shortDuration(chosen))} exceeded the effective max_ttl of ${quote(shortDuration(left))}; TTL value is capped accordingly`,
    );
  return { ttl: Math.min(chosen, left), warnings };
}

/** Writes a duration like `768h` or `1h30m`, without the zeros that Go adds. */
function shortDuration(seconds: number): string {
  return goDuration(seconds).replace(/m0s$/, "m").replace(/h0m$/, "h");
}

/** Returns the `auth` of a response with a token. */
export function authOf(token: Token): Auth {
  return {
    client_token: token.id,
    accessor: token.accessor,
    policies: token.policies,
    token_policies: token.policies,
    metadata: token.meta,
    lease_duration: token.leaseTtl,
    renewable: token.renewable,
    entity_id: token.entityId,
    token_type: token.type,
    orphan: token.parent === undefined,
    mfa_requirement: null,
    num_uses: token.numUses,
  };
}
