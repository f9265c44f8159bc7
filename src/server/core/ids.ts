const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** Where randomness comes from: fills the array. */
export type Random = (bytes: Uint8Array) => Uint8Array;

export const systemRandom: Random = (bytes) => crypto.getRandomValues(bytes);

/**
 * A new id: `llm_` and 26 characters of Crockford's base32, 48 bits of milliseconds and 80 random ones, so that
 * ids sort by the time they were made (the layout of a ULID).
 */
export function newId(prefix: string, now: number, random: Random = systemRandom): string {
  let time = "";
  for (let rest = now, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = alphabet[rest % 32] + time;
  return `${prefix}_${time}${base32(random(new Uint8Array(10)))}`;
}

/** Crockford's base32, lower case, without padding. */
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

/** Makes ids of requests: some randomness, so that no other start of a server makes the same ones, and a count. */
export function requestIds(random: Random): () => string {
  const start = Buffer.from(random(new Uint8Array(6))).toString("hex");
  let count = 0;
  return () => `req_${start}${(++count).toString(36)}`;
}
