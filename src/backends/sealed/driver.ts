import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { AppError, type ErrorCode } from "../../errors.ts";
import type { KeyRing, MasterKey } from "../master-keys.ts";
import { answered } from "../plaintext/driver.ts";
import type { SecretTable } from "../secret-table.ts";
import type { Driver } from "../types.ts";

/** A sealed backend: its name, for messages, and where its records are. */
export interface SealedBackend {
  name: string;
  table: SecretTable;
}

/** Fresh random bytes, as many as asked for. */
export type RandomBytes = (length: number) => Uint8Array;

/**
 * What is stored in place of values. `kid` is the id of the master key that wraps the data key, `key` the wrapped
 * data key, `data` the values under the data key; both are base64 of nonce, ciphertext and tag of AES-256-GCM.
 */
type SealedRecord = Record<"v" | "kid" | "key" | "data", string>;

const version = "1";
const cipher = "aes-256-gcm";
const nonceLength = 12;
const tagLength = 16;
const batch = 50;

/**
 * Values in the server's own database, encrypted: each write with a data key of its own, which a master key wraps.
 * The ref is bound to both, so that what is stored under one ref opens under no other.
 *
 * @param name of the backend, for messages
 * @param ring the master keys as of now; undefined where the server has none
 * @param random where data keys and nonces come from
 */
export function sealedDriver(
  name: string,
  table: SecretTable,
  ring: () => KeyRing | undefined,
  random: RandomBytes = randomBytes,
): Driver {
  const keys = () => {
    const held = ring();
    if (!held) throw needsMasterKey(name);
    return held;
  };
  const read = async (ref: string) => {
    const record = await answered(name, table.get(ref));
    // Asked for after the record: a new master key is in the ring before any record is wrapped with it.
    return record && openRecord(name, keys(), ref, record);
  };
  return {
    read,
    async write(ref, data) {
      await table.put(ref, sealRecord(keys().current, ref, data, random));
    },
    delete: (ref) => table.delete(ref),
    list: () => answered(name, table.list()),
    async health() {
      try {
        keys();
        const [first] = await answered(name, table.list());
        if (first !== undefined) await read(first);
        return { status: "healthy" };
      } catch (error) {
        return { status: "error", reason: (error as Error).message };
      }
    },
  };
}

/** Why a sealed backend cannot be used on a server without a master key. */
function needsMasterKey(name: string, code: ErrorCode = "secret_unavailable"): AppError {
  return new AppError(code, `secret backend "${name}" needs a master key, and this server has none`, {
    hint: "start the server with --master-key-file and the file that holds it",
  });
}

/**
 * Makes sure, at the start of a server, that its keys open what is sealed. Changes nothing. Throws AppError
 * `unavailable`, naming the backend, when there is no key for it, or none that opens its records. One damaged
 * record among others that open does not keep a server from starting.
 */
export async function checkSealed(
  ring: KeyRing | undefined,
  backends: readonly SealedBackend[],
): Promise<void> {
  for (const backend of backends) await checkOne(ring, backend);
}

async function checkOne(ring: KeyRing | undefined, { name, table }: SealedBackend): Promise<void> {
  const foreign = new Set<string>();
  let opened = false;
  let failure: AppError | undefined;
  for await (const [ref, record] of records({ name, table })) {
    const kid = kidOf(record);
    if (kid !== undefined && !ring?.find(kid)) foreign.add(kid);
    if (opened || !ring) continue;
    try {
      openRecord(name, ring, ref, record);
      opened = true;
    } catch (error) {
      failure = error as AppError;
    }
  }
  if (foreign.size > 0) {
    const needed = [...foreign];
    const given = ring?.keys.map(({ id }) => id) ?? [];
    const has =
      given.length === 0 ? "none" : `${given.length > 1 ? "others" : "another"}, ${given.join(", ")}`;
    throw new AppError(
      "unavailable",
      `secret backend "${name}" is sealed with master ${needed.length > 1 ? "keys" : "key"} ${needed.join(", ")}; ` +
        `this server was given ${has}`,
      { hint: "start it with --master-key-file and the file that holds that key; nothing was changed" },
    );
  }
  if (!ring) throw needsMasterKey(name, "unavailable");
  if (failure && !opened) {
    throw new AppError("unavailable", failure.message, {
      hint: "restore the database from a backup; nothing was changed",
      cause: failure,
    });
  }
}

/** Everything that is stored for a backend, but for what is deleted meanwhile. */
export async function* records({
  name,
  table,
}: SealedBackend): AsyncGenerator<[ref: string, record: Record<string, string>]> {
  const refs = await answered(name, table.list());
  for (let at = 0; at < refs.length; at += batch) {
    const some = refs.slice(at, at + batch);
    const found = await answered(name, Promise.all(some.map((ref) => table.get(ref))));
    for (const [i, record] of found.entries()) if (record) yield [some[i]!, record];
  }
}

/** The id of the master key that a record is sealed with; undefined when it is no sealed record. */
export function kidOf(record: Record<string, string>): string | undefined {
  return isSealed(record) ? record.kid : undefined;
}

/**
 * The same record with its data key wrapped by the current master key; the values stay as they are encrypted.
 * Throws AppError `secret_unavailable` when no key of the ring unwraps it.
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

function sealRecord(
  key: MasterKey,
  ref: string,
  values: Readonly<Record<string, string>>,
  random: RandomBytes,
): SealedRecord {
  const dataKey = random(32);
  const data = seal(dataKey, dataFor(ref), Buffer.from(JSON.stringify(values)), random);
  return { v: version, ...wrapped(key, ref, dataKey, random), data };
}

function openRecord(
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
  if (!isSealed(record)) throw unavailable(name, "what is stored is not a sealed record of this version");
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
  return unavailable(name, "what is stored does not open: it was changed, or belongs to another secret");
}

function unavailable(name: string, why: string): AppError {
  return new AppError("secret_unavailable", `secret backend "${name}": ${why}`);
}

/** What the encrypted values are bound to. The ref has the secret's id and the id of the write. */
function dataFor(ref: string): Buffer {
  return lengthPrefixed("mcpctl sealed data v1", ref);
}

/** What the wrapped data key is bound to. */
function keyFor(kid: string, ref: string): Buffer {
  return lengthPrefixed("mcpctl sealed key v1", kid, ref);
}

/** Fields, each behind its length in bytes (32 bits, big-endian): no two lists of fields come out the same. */
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

/** What was sealed; undefined when key, binding or text are not those of then. */
function open(key: Key, boundTo: Buffer, text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  // Decoding passes over what is not base64: only the one text that sealing makes of these bytes will do.
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
