const headEnd = Buffer.from("\r\n\r\n");
const lastChunk = Buffer.from("0\r\n\r\n");

/**
 * Finds where HTTP/1.1 answers end, for a client that waits for one answer before it sends the next request. It
 * reads no more of them than that takes: a load generator shares its cores with what it measures.
 */
export class ResponseReader {
  /** Of the answer that was read last. */
  status = 0;
  #part: Buffer | undefined;
  /** Bytes of the body that are still to come; undefined while the head is, or when the body is chunked. */
  #missing: number | undefined;
  #tail: Buffer | undefined;

  /** Takes what the socket brought. Returns whether the answer is now whole. Throws when it is not HTTP. */
  push(bytes: Buffer): boolean {
    if (this.#missing !== undefined) return this.#counted(bytes.length);
    if (this.#tail !== undefined) return this.#chunked(bytes);
    const all = this.#part === undefined ? bytes : Buffer.concat([this.#part, bytes]);
    const end = all.indexOf(headEnd);
    if (end < 0) {
      this.#part = Buffer.from(all);
      return false;
    }
    this.#part = undefined;
    const head = all.toString("latin1", 0, end);
    this.status = Number(head.slice(9, 12));
    const body = all.subarray(end + headEnd.length);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    if (length) {
      this.#missing = Number(length[1]);
      return this.#counted(body.length);
    }
    if (!/\r\ntransfer-encoding: *chunked/i.test(head)) throw new Error(`no framing in: ${head}`);
    this.#tail = Buffer.alloc(0);
    return this.#chunked(body);
  }

  #counted(length: number): boolean {
    this.#missing! -= length;
    if (this.#missing! > 0) return false;
    this.#missing = undefined;
    return true;
  }

  /** JSON and event streams hold no CR LF of their own, so the last chunk is known by its bytes. */
  #chunked(bytes: Buffer): boolean {
    const tail = Buffer.concat([this.#tail!, bytes.subarray(-lastChunk.length)]).subarray(-lastChunk.length);
    const whole = tail.equals(lastChunk);
    this.#tail = whole ? undefined : Buffer.from(tail);
    return whole;
  }
}
