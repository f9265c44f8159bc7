import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { labelled, withLabel } from "./node-label.ts";

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

/** The most characters of a sealed text that is opened. */
const maxLength = 1024 * 1024;

/**
 * Seals values that clients keep and give back: nobody can read, change or make one, and only who it was sealed for can
 * give it back. The key lives as long as the process (T164).
 */
export class Sealer {
  readonly #key = randomBytes(32);
  readonly #now: () => number;
  readonly #nodes: { own: string } | undefined;

  /** @param nodes the hosts that a client may come back to, where there are several: a sealed value names this one */
  constructor(now: () => number, nodes?: { own: string }) {
    this.#now = now;
    this.#nodes = nodes;
  }

  /**
   * @param owner those who may give it back: the principal, the project and the purpose
   * @param lifetime in milliseconds
   */
  seal(value: JsonObject, owner: string, lifetime: number): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, this.#key, nonce).setAAD(Buffer.from(owner));
    const text = JSON.stringify({ value, until: this.#now() + lifetime });
    const bytes = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    const sealed = Buffer.concat([nonce, cipher.getAuthTag(), bytes]).toString("base64url");
    return this.#nodes ? withLabel(sealed, this.#nodes) : sealed;
  }

  /** Returns the value; undefined if it was not sealed here for this owner, or is too old. */
  open(sealed: unknown, owner: string): JsonObject | undefined {
    if (typeof sealed !== "string" || sealed.length > maxLength) return undefined;
    const text = this.#nodes ? labelled(sealed).value : sealed;
    const bytes = Buffer.from(text, "base64url");
    // Each value has one spelling.
    if (bytes.length < nonceBytes + tagBytes || bytes.toString("base64url") !== text) return undefined;
    try {
      const opener = createDecipheriv(algorithm, this.#key, bytes.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      })
        .setAAD(Buffer.from(owner))
        .setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
      const opened =
        opener.update(bytes.subarray(nonceBytes + tagBytes), undefined, "utf8") + opener.final("utf8");
      const { value, until } = JSON.parse(opened) as { value: unknown; until: number };
      return until > this.#now() && isObject(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }
}
