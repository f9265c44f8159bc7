import { base32, type Random, systemRandom } from "../ids.ts";

/**
 * The form of bearers: `mcpctl_ses_…` for logins, `mcpctl_pat_…` for tokens, and of what MCP clients get: access tokens
 * (`acc`), refresh tokens (`ref`, of twice the length) and codes (`cod`). 160 random bits and a CRC-32 in base32. Only
 * their SHA-256 is stored. A hash without salt is enough, because 160 random bits cannot be guessed.
 */
const shape = /^mcpctl_(ses|pat|acc|ref|cod)_((?:[0-9a-hjkmnp-tv-z]{32}){1,2})([0-9a-hjkmnp-tv-z]{7})$/;

/** The sorts of bearers, as their texts name them. */
export type BearerKind = "ses" | "pat" | "acc" | "ref" | "cod";

/** The random bytes of a bearer. */
export const bearerBytes = 20;

/** Makes a new bearer for a login session or for a token. */
export function mintBearer(kind: BearerKind, random: Random = systemRandom): string {
  return bearerOf(kind, random(new Uint8Array(bearerBytes)));
}

/** Returns the bearer that has the given random bytes. */
export function bearerOf(kind: BearerKind, bytes: Uint8Array): string {
  return bearerWith(kind, base32(bytes));
}

/** Returns the bearer that has the given random characters. */
export function bearerWith(kind: BearerKind, secret: string): string {
  return `mcpctl_${kind}_${secret}${checksum(secret)}`;
}

/** True if a text has the form and the checksum of a bearer of a sort. False means that no lookup is needed. */
export function isBearer(text: string, ...kinds: readonly BearerKind[]): boolean {
  const [, kind, secret, sum] = shape.exec(text) ?? [];
  return secret !== undefined && kinds.some((one) => one === kind) && checksum(secret) === sum;
}

/** Returns the key under which a bearer is stored and looked up: its SHA-256 in base64url. */
export function bearerHash(bearer: string): string {
  return Bun.SHA256.hash(bearer, "base64url" as "base64");
}

/** Returns the beginning of a bearer, which may be shown so that people can tell bearers apart. */
export function bearerPrefix(bearer: string): string {
  return bearer.slice(0, "mcpctl_pat_".length + 6);
}

function checksum(secret: string): string {
  const crc = Bun.hash.crc32(secret);
  return base32(new Uint8Array([crc >>> 24, crc >>> 16, crc >>> 8, crc]));
}
