const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** A source of randomness. Fills the array and returns it. */
export type Random = (bytes: Uint8Array) => Uint8Array;

export const systemRandom: Random = (bytes) => crypto.getRandomValues(bytes);

/**
 * Returns a new id: `llm_` and 26 characters of Crockford's base32. They hold 48 bits of milliseconds and 80 random
 * bits (the layout of a ULID), so that ids sort by the time they were made.
 *
 * @param now milliseconds since 1970
 */
export function newId(prefix: string, now: number, random: Random = systemRandom): string {
  let time = "";
  for (let rest = now, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = alphabet[rest % 32] + time;
  return `${prefix}_${time}${base32(random(new Uint8Array(10)))}`;
}

/** Encodes bytes in Crockford's base32, in lower case and without padding. */
export function base32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(held >> (bits - 5)) & 31];
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + alphabet[(held << (5 - bits)) & 31] : text;
}

/** Returns a function that makes ids of requests. Another start of a server never makes the same ones. */
export function requestIds(random: Random): () => string {
  const start = Buffer.from(random(new Uint8Array(6))).toString("hex");
  let count = 0;
  return () => `req_${start}${(++count).toString(36)}`;
}
