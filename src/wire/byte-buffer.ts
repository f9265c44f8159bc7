const empty = new Uint8Array(0);

/** Bytes that arrive in pieces. Appending costs amortised linear time, however small the pieces are. */
export class ByteBuffer {
  #bytes = empty;
  length = 0;

  append(piece: Uint8Array): void {
    const length = this.length + piece.length;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#bytes.length, 256));
      grown.set(this.bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.length);
    this.length = length;
  }

  /** The bytes so far, not copied: the view is valid until the next `append`. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  /** Returns the bytes so far and empties the buffer. */
  take(): Uint8Array {
    const { bytes } = this;
    this.#bytes = empty;
    this.length = 0;
    return bytes;
  }
}
