import { createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import { AppError } from "../errors.ts";

/** A master key: 32 random bytes. They are held as key objects, which never print their bytes. */
export interface MasterKey {
  /** Its name in records and messages: 16 hex digits that reveal nothing of the key. */
  readonly id: string;
  readonly secret: KeyObject;
  /** The key that wraps data keys. It is derived from the master key. */
  readonly wrapping: KeyObject;
}

/** The master keys of a server. The first seals, every one opens. A ring is immutable: a new key makes a new ring. */
export interface KeyRing {
  readonly current: MasterKey;
  /** The current one first. */
  readonly keys: readonly MasterKey[];
  find(id: string): MasterKey | undefined;
  /** Returns a ring whose current key is the given one, and which opens everything that this one opens. */
  withNew(key: MasterKey): KeyRing;
}

/** Makes a master key of 32 bytes. */
export function masterKey(bytes: Uint8Array): MasterKey {
  const derived = (use: string, length: number) =>
    Buffer.from(hkdfSync("sha256", bytes, "", `mcpctl master key ${use}`, length));
  return {
    id: derived("id", 8).toString("hex"),
    secret: createSecretKey(bytes),
    wrapping: createSecretKey(derived("wrap v1", 32)),
  };
}

/** Makes a ring of the current key and of older ones. */
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
 * Parses a master key file: either 32 raw bytes, which are one key, or text with one key a line in hex, base64 or
 * base64url. Blank lines and `# comments` are skipped.
 *
 * @param path of the file, for messages
 * @throws AppError `unavailable` for anything else. It names the file and the line, and quotes nothing.
 */
export function parseKeyRing(content: Uint8Array, path: string): KeyRing {
  const refused = (why: string) =>
    new AppError("unavailable", `master key file ${path}: ${why}`, {
      hint: "a master key is 32 random bytes; make one with: umask 077; openssl rand -base64 32 > master-key",
    });
  const keys: MasterKey[] = [];
  for (const [line, bytes] of bytesByLine(content)) {
    if (!bytes) throw refused(line === 0 ? "it is neither 32 bytes nor text" : `line ${line} is not a key`);
    if (bytes.every((byte) => byte === 0)) throw refused("a key of zeros is not a key");
    const key = masterKey(bytes);
    if (keys.some(({ id }) => id === key.id)) throw refused(`line ${line} has a key for the second time`);
    keys.push(key);
  }
  const [current, ...older] = keys;
  if (!current) throw refused("there is no key in it");
  return keyRing(current, older);
}

/**
 * Returns the text of a master key file with a new key above those that it has. The rest of the file is kept; 32 raw
 * bytes become text.
 *
 * @param content the content of the file, which `parseKeyRing` accepts
 * @param since the day from which the new key is used: `2026-11-21`
 */
export function withKeyOnTop(content: Uint8Array, key: MasterKey, since: string): string {
  const below = isRaw(content)
    ? `${Buffer.from(content).toString("base64")}\n`
    : new TextDecoder().decode(content);
  return `# since ${since}; the keys below open backups made before\n${key.secret.export().toString("base64")}\n${below}`;
}

/** Yields the key of each line that should have one, undefined if it has none. Line 0 is the whole file. */
function* bytesByLine(content: Uint8Array): Generator<[line: number, bytes: Uint8Array | undefined]> {
  if (isRaw(content)) return yield [0, content];
  const text = textOf(content);
  if (text === undefined) return yield [0, undefined];
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const key = line.replace(/#.*/, "").trim();
    if (key !== "") yield [at + 1, decoded(key)];
  }
}

/** True for 32 raw bytes. 32 letters and digits are a passphrase or half a key in hex: far fewer than 256 random bits. */
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
  // Two bits of the last letter are not part of any byte: without this check a typing error there would go unnoticed.
  const written = key.replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
  return bytes.toString("base64url") === written ? bytes : undefined;
}
