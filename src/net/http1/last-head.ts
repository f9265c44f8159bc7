/** Remembers the last head of a connection: most of those that follow are the same, and need not be read again. */
export class LastHead<H> {
  readonly #read: (bytes: Buffer, start: number, end: number) => H;
  #bytes: Buffer | undefined;
  #head: H | undefined;

  /** @param read reads a head in bytes that do not change later */
  constructor(read: (bytes: Buffer, start: number, end: number) => H) {
    this.#read = read;
  }

  /** Returns the head in `bytes` from `start` to `end`. Throws what `read` throws. */
  of(bytes: Buffer, start: number, end: number): H {
    if (this.#bytes?.length === end - start && this.#bytes.compare(bytes, start, end) === 0)
      return this.#head!;
    // The bytes of a socket are a part of a larger block.
    const own = Buffer.from(bytes.subarray(start, end));
    const head = this.#read(own, 0, own.length);
    this.#bytes = own;
    this.#head = head;
    return head;
  }
}
