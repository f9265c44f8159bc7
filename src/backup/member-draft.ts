import { createHash } from "node:crypto";
import type { ManifestMember } from "./manifest.ts";
import { tarBlock, tarHeader, tarPadding } from "./tar.ts";

/** The room that is kept for the next member. One with a larger row gets more for itself. */
const usualBytes = 512 * 1024;

/**
 * A member of a backup that is put together: its header, rows and padding, in one buffer for all members. Lines that are
 * joined as strings would be in memory four times, until the engine collects them.
 */
export class MemberDraft {
  readonly #seconds: number;
  #buffer = Buffer.allocUnsafeSlow(usualBytes);
  #end = tarBlock;
  rows = 0;

  /** @param seconds the time of all members, since 1970 */
  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /** Bytes of the rows so far. */
  get size(): number {
    return this.#end - tarBlock;
  }

  /** Adds a line, without its line feed. */
  add(line: string): void {
    // No more than three bytes for a unit of UTF-16; then the line feed and the padding.
    const needed = this.#end + line.length * 3 + 1 + tarBlock;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#end));
      this.#buffer = larger;
    }
    this.#end += this.#buffer.write(line, this.#end);
    this.#buffer[this.#end++] = 0x0a;
    this.rows++;
  }

  /** Returns the member, and begins another one: the bytes are good until the next call of a method. */
  take(name: string): { bytes: Buffer; facts: ManifestMember } {
    const { size, rows } = this;
    const content = this.#buffer.subarray(tarBlock, this.#end);
    const facts = { name, size, rows, sha256: createHash("sha256").update(content).digest("hex") };
    this.#buffer.set(tarHeader(name, size, this.#seconds));
    const padding = tarPadding(size);
    this.#buffer.set(padding, this.#end);
    const bytes = this.#buffer.subarray(0, this.#end + padding.length);
    if (this.#buffer.length > 8 * usualBytes) this.#buffer = Buffer.allocUnsafeSlow(usualBytes);
    this.#end = tarBlock;
    this.rows = 0;
    return { bytes, facts };
  }
}
