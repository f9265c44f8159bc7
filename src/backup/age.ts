import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { AppError } from "../errors.ts";
import { damaged } from "./manifest.ts";
import { passphraseIdentity, passphraseRecipient } from "./passphrase.ts";

/** The first bytes of a file that age has encrypted (age-encryption.org/v1). */
const intro = Buffer.from("age-encryption.org/v1\n");

/** Opens what was encrypted for it: a passphrase, or lines of `AGE-SECRET-KEY-1…`. */
export type AgeKey = { passphrase: string } | { identities: readonly string[] };
/**
 * Encrypts: with a passphrase, or for recipients `age1…`, of which each alone can decrypt. `workFactor` is the cost of
 * trying a passphrase, as a power of two; 18 if not given.
 */
export type AgeLock = { passphrase: string; workFactor?: number } | { recipients: readonly string[] };

/** A key of its own for one transfer. */
export interface TransferKey {
  key: AgeKey;
  recipient: string;
}

export async function newTransferKey(): Promise<TransferKey> {
  const identity = await generateX25519Identity();
  return { key: { identities: [identity] }, recipient: await identityToRecipient(identity) };
}

/** Throws AppError `invalid_request` if a text is no recipient of age. */
export function checkRecipient(text: string): void {
  try {
    new Encrypter().addRecipient(text);
  } catch (cause) {
    throw new AppError("invalid_request", "the recipient is not a public key of age", {
      hint: "age-keygen makes one; the public key begins with age1",
      cause,
    });
  }
}

/** Encrypts bytes as they come. */
export async function* encrypted(
  bytes: AsyncIterable<Uint8Array>,
  lock: AgeLock,
): AsyncGenerator<Uint8Array> {
  const encrypter = new Encrypter();
  if ("passphrase" in lock) encrypter.addRecipient(passphraseRecipient(lock.passphrase, lock.workFactor));
  else for (const recipient of lock.recipients) encrypter.addRecipient(recipient);
  yield* await encrypter.encrypt(streamOf(bytes));
}

/**
 * Decrypts bytes as they come. Every piece is proven before it is yielded, and the end too.
 *
 * @throws AppError `invalid_request` if the key does not open it, or if a byte is wrong
 */
export async function* decrypted(bytes: AsyncIterable<Uint8Array>, key: AgeKey): AsyncGenerator<Uint8Array> {
  const decrypter = new Decrypter();
  try {
    if ("passphrase" in key) decrypter.addIdentity(passphraseIdentity(key.passphrase));
    else for (const identity of key.identities) decrypter.addIdentity(identity);
  } catch (cause) {
    throw new AppError("invalid_request", "the identity is not a secret key of age", { cause });
  }
  try {
    yield* await decrypter.decrypt(streamOf(bytes));
  } catch (cause) {
    if (cause instanceof AppError || isOfSystem(cause)) throw cause;
    if (/no identity matched/.test(String(cause)))
      throw new AppError("invalid_request", "the passphrase or key does not open the backup", {
        hint: "Nothing was changed.",
        cause,
      });
    throw damaged("it does not decrypt", cause);
  }
}

/** True if a file begins as one that age has encrypted. */
export function isAge(start: Uint8Array): boolean {
  return Buffer.from(start.subarray(0, intro.length)).equals(intro);
}

/** Reads the lines of a file of identities. Comments are left out. */
export function identitiesIn(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !line.startsWith("#"));
}

function isOfSystem(error: unknown): boolean {
  return error instanceof Error && "code" in error;
}

function streamOf(bytes: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const pieces = bytes[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: async () => void (await pieces.return?.()),
  });
}
