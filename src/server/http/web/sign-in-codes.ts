/** Milliseconds for which a code is good. */
export const codeMilliseconds = 60_000;

/** The most codes at a time. */
const maxCodes = 20;

/** Codes that sign a browser in, each once and for a minute. They are in memory: a restart forgets them. */
export class SignInCodes {
  /** The end of each, by the SHA-256 of its text, the oldest first. */
  readonly #ends = new Map<string, number>();
  readonly #elapsed: () => number;

  /** @param elapsed a monotonic clock, in milliseconds */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  /** Makes a code. With too many, the oldest is no longer good. */
  make(random: (bytes: Uint8Array) => Uint8Array): string {
    const code = Buffer.from(random(new Uint8Array(24))).toString("base64url");
    this.#ends.set(hashOf(code), this.#elapsed() + codeMilliseconds);
    while (this.#ends.size > maxCodes) this.#ends.delete(this.#ends.keys().next().value!);
    return code;
  }

  /** Returns true if a code is good, which it then no longer is. */
  take(code: string): boolean {
    const hash = hashOf(code);
    const end = this.#ends.get(hash);
    this.#ends.delete(hash);
    return end !== undefined && this.#elapsed() < end;
  }
}

function hashOf(code: string): string {
  return Bun.SHA256.hash(code, "base64url" as "base64");
}
