import { base32, type Random, systemRandom } from "../ids.ts";

/**
 * Bearers: `mcpctl_ses_…` for logins, `mcpctl_pat_…` for tokens: 160 random bits and a CRC-32 in base32.
 * Only the SHA-256 is kept. A plain hash is enough: there is nothing to guess in 160 bits.
 */
const shape = /^mcpctl_(?:ses|pat)_([0-9a-hjkmnp-tv-z]{32})([0-9a-hjkmnp-tv-z]{7})$/;

export function mintBearer(kind: "ses" | "pat", random: Random = systemRandom): string {
  const secret = base32(random(new Uint8Array(20)));
  return `mcpctl_${kind}_${secret}${checksum(secret)}`;
}

/** False for what cannot be a bearer of ours, found out without asking anybody. */
export function isBearer(text: string): boolean {
  const match = shape.exec(text);
  return match !== null && checksum(match[1]!) === match[2];
}

/** How a bearer is looked up and stored: its whole SHA-256, base64url. */
export function bearerHash(bearer: string): string {
  return Bun.SHA256.hash(bearer, "base64url" as "base64");
}

/** What of a bearer may be shown to tell it from others. */
export function bearerPrefix(bearer: string): string {
  return bearer.slice(0, "mcpctl_pat_".length + 6);
}

function checksum(secret: string): string {
  const crc = Bun.hash.crc32(secret);
  return base32(new Uint8Array([crc >>> 24, crc >>> 16, crc >>> 8, crc]));
}
