import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { AppError } from "../../errors.ts";
import type { KeyRing, MasterKey } from "../master-keys.ts";

/** Returns that many random bytes. */
export type RandomBytes = (length: number) => Uint8Array;

/**
 * The record that is stored in the place of values. `kid` is the id of the master key that wraps the data key, `key` the wrapped
 * data key, `data` the values under the data key; both are base64 of nonce, ciphertext and tag of AES-256-GCM.
 */
type SealedRecord = Record<"v" | "kid" | "key" | "data", string>;

const version = "1";
const cipher = "aes-256-gcm";
const nonceLength = 12;
const tagLength = 16;
/** Returns the id of the master key that a record is sealed with; undefined if it is not a sealed record. */
export function kidOf(record: Record<string, string>): string | undefined {
  return isSealed(record) ? record.kid : undefined;
}

/**
 * Returns a record with its data key wrapped by the current master key. The encrypted values stay the same.
 * Throws AppError `secret_unavailable` if no key of the ring unwraps it.
 */
export function rewrapped(
  name: string,
  ring: KeyRing,
  ref: string,
  record: Record<string, string>,
  random: RandomBytes = randomBytes,
): Record<string, string> {
  const { v, data, dataKey } = unwrapped(name, ring, ref, record);
  return { v, ...wrapped(ring.current, ref, dataKey, random), data };
}

/** Seals the values of a ref with a fresh data key, and wraps that with a master key. */
export function sealRecord(
  key: MasterKey,
  ref: string,
  values: Readonly<Record<string, string>>,
  random: RandomBytes,
): SealedRecord {
  const dataKey = random(32);
  const data = seal(dataKey, dataFor(ref), Buffer.from(JSON.stringify(values)), random);
  return { v: version, ...wrapped(key, ref, dataKey, random), data };
}

/**
 * Returns the values in a sealed record. Throws AppError `secret_unavailable` if it is not one, if the ring lacks its
 * key, or if it was sealed for another ref.
 */
export function openRecord(
  name: string,
  ring: KeyRing,
  ref: string,
  record: Record<string, string>,
): Record<string, string> {
  const { data, dataKey } = unwrapped(name, ring, ref, record);
  const values = open(dataKey, dataFor(ref), data);
  if (!values) throw unopened(name);
  return JSON.parse(values.toString());
}

function wrapped(
  key: MasterKey,
  ref: string,
  dataKey: Uint8Array,
  random: RandomBytes,
): { kid: string; key: string } {
  return { kid: key.id, key: seal(key.wrapping, keyFor(key.id, ref), dataKey, random) };
}

function unwrapped(
  name: string,
  ring: KeyRing,
  ref: string,
  record: Record<string, string>,
): SealedRecord & { dataKey: Uint8Array } {
  if (!isSealed(record)) throw unavailable(name, "the stored record is not a sealed record of this version");
  const key = ring.find(record.kid);
  if (!key)
    throw unavailable(
      name,
      `a secret is sealed with master key ${record.kid}, which this server does not have`,
    );
  const dataKey = open(key.wrapping, keyFor(record.kid, ref), record.key);
  if (!dataKey) throw unopened(name);
  return { ...record, dataKey };
}

function isSealed(record: Record<string, string>): record is SealedRecord {
  const { v, kid, key, data } = record;
  return (
    v === version && typeof key === "string" && typeof data === "string" && /^[0-9a-f]{16}$/.test(kid ?? "")
  );
}

function unopened(name: string): AppError {
  return unavailable(name, "the stored record does not open: it was changed, or belongs to another secret");
}

function unavailable(name: string, why: string): AppError {
  return new AppError("secret_unavailable", `secret backend "${name}": ${why}`);
}

/** Returns the data that the encrypted values are bound to. A ref has the secret's id and the id of the write. */
function dataFor(ref: string): Buffer {
  return lengthPrefixed("mcpctl sealed data v1", ref);
}

/** Returns the data that the wrapped data key is bound to. */
function keyFor(kid: string, ref: string): Buffer {
  return lengthPrefixed("mcpctl sealed key v1", kid, ref);
}

/** Joins fields, each after its length in bytes (32 bits, big-endian): no two lists of fields give the same result. */
function lengthPrefixed(...fields: string[]): Buffer {
  return Buffer.concat(
    fields.flatMap((field) => {
      const bytes = Buffer.from(field);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}

type Key = Parameters<typeof createCipheriv>[1];

function seal(key: Key, boundTo: Buffer, plain: Uint8Array, random: RandomBytes): string {
  const nonce = random(nonceLength);
  const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagLength }).setAAD(boundTo);
  const sealed = [nonce, sealing.update(plain), sealing.final(), sealing.getAuthTag()];
  return Buffer.concat(sealed).toString("base64");
}

/** Returns the plain bytes; undefined if key, binding or text are not those of the sealing. */
function open(key: Key, boundTo: Buffer, text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  // Decoding skips characters that are not base64: only the text that sealing makes of these bytes is accepted.
  if (bytes.length < nonceLength + tagLength || bytes.toString("base64") !== text) return undefined;
  const nonce = bytes.subarray(0, nonceLength);
  const opening = createDecipheriv(cipher, key, nonce, { authTagLength: tagLength })
    .setAAD(boundTo)
    .setAuthTag(bytes.subarray(-tagLength));
  const plain = opening.update(bytes.subarray(nonceLength, -tagLength));
  try {
    return Buffer.concat([plain, opening.final()]);
  } catch {
    return undefined;
  }
}
