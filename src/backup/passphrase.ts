import { randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { type Identity, type Recipient, Stanza } from "age-encryption";

/** The cost of trying a passphrase, as a power of two: that of age itself. It takes a second and 256 MB. */
const usualWorkFactor = 18;
/** The highest cost of a file that is opened: four seconds and 1 GB. */
const maxWorkFactor = 20;
const label = Buffer.from("age-encryption.org/v1/scrypt");
const saltBytes = 16;
const nonce = new Uint8Array(12);

const derive = promisify(
  scrypt as (
    secret: string,
    salt: Uint8Array,
    length: number,
    options: { N: number; r: number; p: number; maxmem: number },
    done: (error: Error | null, key: Buffer) => void,
  ) => void,
);

/** Returns the key of a passphrase (age-encryption.org/v1, "The scrypt recipient type"). Does not block the process. */
function keyOf(passphrase: string, salt: Uint8Array, workFactor: number): Promise<Buffer> {
  const N = 2 ** workFactor;
  return derive(passphrase, Buffer.concat([label, salt]), 32, { N, r: 8, p: 1, maxmem: 256 * 8 * N });
}

/** Encrypts for a passphrase. The library's own way does it in JavaScript, which takes several times as long. */
export function passphraseRecipient(passphrase: string, workFactor: number = usualWorkFactor): Recipient {
  return {
    async wrapFileKey(fileKey) {
      const salt = randomBytes(saltBytes);
      const key = await keyOf(passphrase, salt, workFactor);
      const encoded = salt.toString("base64").replace(/=+$/, "");
      return [
        new Stanza(["scrypt", encoded, String(workFactor)], chacha20poly1305(key, nonce).encrypt(fileKey)),
      ];
    },
  };
}

/** Opens what was encrypted for a passphrase. */
export function passphraseIdentity(passphrase: string): Identity {
  return {
    async unwrapFileKey(stanzas) {
      const stanza = stanzas.find(({ args }) => args[0] === "scrypt");
      if (!stanza) return null;
      const [, encoded = "", factor = ""] = stanza.args;
      const salt = Buffer.from(encoded, "base64");
      const isValid =
        stanzas.length === 1 &&
        stanza.args.length === 3 &&
        salt.length === saltBytes &&
        /^[1-9]\d?$/.test(factor);
      if (!isValid) throw new Error("invalid scrypt stanza");
      if (Number(factor) > maxWorkFactor) throw new Error("the passphrase costs too much to try");
      const key = await keyOf(passphrase, salt, Number(factor));
      try {
        return chacha20poly1305(key, nonce).decrypt(stanza.body);
      } catch {
        return null;
      }
    },
  };
}
