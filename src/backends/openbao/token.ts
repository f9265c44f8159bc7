import type { Bao } from "./http.ts";
import type { BaoBackend } from "./paths.ts";
import { refusal } from "./refusals.ts";

/** Facts about a token, as OpenBao reports them. */
export interface TokenFacts {
  policies: readonly string[];
  /** The token role that made it. */
  role: string | undefined;
  /** Seconds from now; 0 means that it does not expire. */
  ttl: number;
  /** RFC 3339. */
  expiresAt: string | undefined;
  renewable: boolean;
  /** Number of uses left; 0 means no limit. */
  usesLeft: number;
  /** True for a batch token: it cannot be renewed or revoked, and makes no other tokens. */
  isBatch: boolean;
}

/**
 * Looks up a token with the token itself. That is the one way to tell an invalid token from one that may not do
 * something: the server sends 403 for both.
 *
 * @returns null if it is invalid, or if its policy lacks even this
 */
export async function lookUpSelf(bao: Bao, backend: BaoBackend, token: string): Promise<TokenFacts | null> {
  const request = { method: "GET", path: "auth/token/lookup-self", token } as const;
  const response = await bao.request(request);
  if (response.status === 403) return null;
  if (response.status !== 200) throw refusal(backend, request, response);
  const data = objectOf(response.body["data"]);
  return {
    policies: Array.isArray(data["policies"]) ? data["policies"].map(String) : [],
    role: textOf(data["role"]),
    ttl: countOf(data["ttl"]),
    expiresAt: textOf(data["expire_time"]),
    renewable: data["renewable"] === true,
    usesLeft: countOf(data["num_uses"]),
    isBatch: data["type"] === "batch",
  };
}

/** A token in the response to a login, to a renewal or to the creation of a token. */
export interface Lease {
  token: string;
  /** Seconds; 0 means that it does not expire. */
  ttl: number;
  renewable: boolean;
  policies: readonly string[];
  orphan: boolean;
}

/** Returns the token in the `auth` of a response; undefined if there is none. */
export function leaseOf(body: Readonly<Record<string, unknown>>): Lease | undefined {
  const auth = objectOf(body["auth"]);
  const token = textOf(auth["client_token"]);
  if (token === undefined) return undefined;
  return {
    token,
    ttl: countOf(auth["lease_duration"]),
    renewable: auth["renewable"] === true,
    policies: Array.isArray(auth["policies"]) ? auth["policies"].map(String) : [],
    orphan: auth["orphan"] === true,
  };
}

/** Returns an object as it is, and an empty one for anything else. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function countOf(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : 0;
}
