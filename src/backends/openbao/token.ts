import type { Bao } from "./http.ts";
import type { Backend } from "./paths.ts";
import { refusal } from "./refusals.ts";

/** What OpenBao says about a token. */
export interface TokenFacts {
  policies: readonly string[];
  /** The token role that made it. */
  role: string | undefined;
  /** Seconds from now; 0 is for ever. */
  ttl: number;
  /** RFC 3339. */
  expiresAt: string | undefined;
  renewable: boolean;
  /** How often it may still be used; 0 is without end. */
  usesLeft: number;
  /** Signed rather than stored: it cannot be renewed or revoked, and makes no others. */
  isBatch: boolean;
}

/**
 * Asks about a token with the token itself, which is the one way to tell a bad token from one that may not do
 * something: both are answered with 403.
 *
 * @returns null when it is bad, or its policy lacks even this
 */
export async function lookUpSelf(bao: Bao, backend: Backend, token: string): Promise<TokenFacts | null> {
  const request = { method: "GET", path: "auth/token/lookup-self", token } as const;
  const answer = await bao.request(request);
  if (answer.status === 403) return null;
  if (answer.status !== 200) throw refusal(backend, request, answer);
  const data = objectOf(answer.body["data"]);
  return {
    policies: Array.isArray(data["policies"]) ? data["policies"].map(String) : [],
    role: textOf(data["role"]),
    ttl: amountOf(data["ttl"]),
    expiresAt: textOf(data["expire_time"]),
    renewable: data["renewable"] === true,
    usesLeft: amountOf(data["num_uses"]),
    isBatch: data["type"] === "batch",
  };
}

/** What a login, a renewal or the making of a token answers with. */
export interface Lease {
  token: string;
  /** Seconds; 0 is for ever. */
  ttl: number;
  renewable: boolean;
  policies: readonly string[];
  orphan: boolean;
}

/** The `auth` of an answer; undefined when there is no token in it. */
export function leaseOf(body: Readonly<Record<string, unknown>>): Lease | undefined {
  const auth = objectOf(body["auth"]);
  const token = textOf(auth["client_token"]);
  if (token === undefined) return undefined;
  return {
    token,
    ttl: amountOf(auth["lease_duration"]),
    renewable: auth["renewable"] === true,
    policies: Array.isArray(auth["policies"]) ? auth["policies"].map(String) : [],
    orphan: auth["orphan"] === true,
  };
}

/** An object, or an empty one in the place of anything else. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function amountOf(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : 0;
}
