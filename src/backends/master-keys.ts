import { createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import { AppError } from "../errors.ts";

/** A master key: 32 random bytes. It is held as key objects, which print nothing of themselves. */
export interface MasterKey {
  /** Names it in records and messages: 16 hex digits that give nothing of it away. */
  readonly id: string;
  readonly secret: KeyObject;
  /** What wraps data keys, derived from it. */
  readonly wrapping: KeyObject;
}

/** The master keys of a server. The first seals, every one opens. Never changed: a new key makes a new ring. */
export interface KeyRing {
  readonly current: MasterKey;
  /** The current one first. */
  readonly keys: readonly MasterKey[];
  find(id: string): MasterKey | undefined;
  /** A ring whose current key is the given one, and which opens whatever this one opens. */
  withNew(key: MasterKey): KeyRing;
}

/** A master key of 32 bytes. */
export function masterKey(bytes: Uint8Array): MasterKey {
  const derived = (use: string, length: number) =>
    Buffer.from(hkdfSync("sha256", bytes, "", `mcpctl master key ${use}`, length));
  return {
    id: derived("id", 8).toString("hex"),
    secret: createSecretKey(bytes),
    wrapping: createSecretKey(derived("wrap v1", 32)),
  };
}

/** A ring of one key and those that came before it. */
export function keyRing(current: MasterKey, older: readonly MasterKey[] = []): KeyRing {
  const keys = [current, ...older];
  return {
    current,
    keys,
    find: (id) => keys.find((key) => key.id === id),
    withNew: (key) => keyRing(key, keys),
  };
}

/**
 * The ring in a master key file: 32 raw bytes, which are one key, or text with a key on each line in hex, base64 or
 * base64url, where blank lines and `# comments` are passed over. Throws AppError `unavailable` for anything else,
 * which names the file and the line, and nothing that stands there.
 *
 * @param path for messages
 */
export function parseKeyRing(content: Uint8Array, path: string): KeyRing {
  const refused = (why: string) =>
    new AppError("unavailable", `master key file ${path}: ${why}`, {
      hint: "a master key is 32 random bytes; make one with: umask 077; openssl rand -base64 32 > master-key",
    });
  const keys: MasterKey[] = [];
  for (const [line, bytes] of bytesByLine(content)) {
    if (!bytes) throw refused(line === 0 ? "it is neither 32 bytes nor text" : `line ${line} is not a key`);
    if (bytes.every((byte) => byte === 0)) throw refused("a key of zeros is none");
    const key = masterKey(bytes);
    if (keys.some(({ id }) => id === key.id)) throw refused(`line ${line} has a key for the second time`);
    keys.push(key);
  }
  const [current, ...older] = keys;
  if (!current) throw refused("there is no key in it");
  return keyRing(current, older);
}

/**
 * A master key file with one more key on top of those that it has, and everything else in it as it was. 32 raw
 * bytes become text.
 *
 * @param content of the file until now, which `parseKeyRing` takes
 * @param since the day from which the new key is used: `2026-11-21`
 */
export function withKeyOnTop(content: Uint8Array, key: MasterKey, since: string): string {
  const below = isRaw(content)
    ? `${Buffer.from(content).toString("base64")}\n`
    : new TextDecoder().decode(content);
  return `# since ${since}; the keys below open backups made before\n${key.secret.export().toString("base64")}\n${below}`;
}

/** The key on each line that should have one, undefined where it is none; line 0 is the whole file. */
function* bytesByLine(content: Uint8Array): Generator<[line: number, bytes: Uint8Array | undefined]> {
  if (isRaw(content)) return yield [0, content];
  const text = textOf(content);
  if (text === undefined) return yield [0, undefined];
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const key = line.replace(/#.*/, "").trim();
    if (key !== "") yield [at + 1, decoded(key)];
  }
}

/** 32 letters and digits are a passphrase, or half a key in hex: far fewer than 256 random bits. */
function isRaw(content: Uint8Array): boolean {
  return (
    content.length === 32 &&
    !content.every((byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127))
  );
}

function textOf(content: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    return undefined;
  }
}

function decoded(key: string): Uint8Array | undefined {
  if (/^[0-9a-f]{64}$/i.test(key)) return Buffer.from(key, "hex");
  if (!/^([A-Za-z0-9+/]{43}=?|[\w-]{43}=?)$/.test(key)) return undefined;
  const bytes = Buffer.from(key, "base64url");
  // The last letter has two bits that are in no byte: a mistyped one would go unnoticed.
  const written = key.replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
  return bytes.toString("base64url") === written ? bytes : undefined;
}
