import { createCipheriv, createDecipheriv, createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

const algorithm = "aes-256-gcm";
const tagBytes = 16;

/** The header with which a node asks another one for a link. */
export const nodeHeader = "x-mcpctl-node";

/**
 * Returns the proof of a node that it reads the database, where the key of the other node is.
 *
 * @param to the id of the node that it asks
 * @param nonce random, and used once
 */
export function helloOf(key: string, to: string, nonce: string): string {
  const mac = createHmac("sha256", Buffer.from(key, "base64url")).update(`hello ${to} ${nonce}`).digest();
  return `${to}.${nonce}.${mac.toString("base64url")}`;
}

/** Returns the nonce of a proof; undefined if it does not prove that its sender knows the key of this node (T175). */
export function nonceOfHello(key: string, to: string, header: string): string | undefined {
  const [, nonce = ""] = header.split(".");
  if (nonce.length < 16 || header.length > 300) return undefined;
  const [given, right] = [Buffer.from(header), Buffer.from(helloOf(key, to, nonce))];
  return given.length === right.length && timingSafeEqual(given, right) ? nonce : undefined;
}

/**
 * Seals the messages of one link between two nodes: nobody on the way can read, change, repeat, leave out or reorder
 * them (T175). Each direction has a key of its own, and each message is numbered.
 */
export class SealedChannel {
  readonly #send: Buffer;
  readonly #receive: Buffer;
  #sent = 0;
  #received = 0;

  /**
   * @param key of the node that was asked
   * @param nonces of the node that asks, and of the one that was asked
   */
  constructor(key: string, nonces: readonly [string, string], isAsking: boolean) {
    const keyOf = (direction: string) =>
      Buffer.from(hkdfSync("sha256", Buffer.from(key, "base64url"), nonces.join("."), direction, 32));
    const [there, back] = [keyOf("there"), keyOf("back")];
    this.#send = isAsking ? there : back;
    this.#receive = isAsking ? back : there;
  }

  seal(text: string): Buffer {
    const cipher = createCipheriv(algorithm, this.#send, nonceOf(this.#sent++));
    return Buffer.concat([cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
  }

  /** @throws if it is not the next message of the other side */
  open(frame: Buffer): string {
    const end = frame.length - tagBytes;
    if (end < 0) throw new Error("the frame is too short");
    const opener = createDecipheriv(algorithm, this.#receive, nonceOf(this.#received++), {
      authTagLength: tagBytes,
    }).setAuthTag(frame.subarray(end));
    return Buffer.concat([opener.update(frame.subarray(0, end)), opener.final()]).toString("utf8");
  }
}

function nonceOf(count: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(count), 4);
  return nonce;
}
