import { Pieces } from "./pieces.ts";

const lineFeed = 10;

/** A line has more bytes than its reader takes. */
export class LineTooLong extends Error {
  /** @param maxBytes the most bytes of a line */
  constructor(maxBytes: number) {
    super(`a line has more than ${maxBytes / 1024 / 1024} MB`);
  }
}

/** Looks at a long line while it arrives. */
export interface LineMeter {
  add(bytes: Uint8Array): void;
}

/** Puts the lines of a byte stream together, whatever the pieces are in which it comes. */
export class ByteLines {
  readonly #maxBytes: number;
  readonly #line = new Pieces();
  readonly #makeMeter: (() => LineMeter) | undefined;
  /** The meter of the line at hand. A line that comes in one piece has none. */
  #meter: LineMeter | undefined;

  /**
   * @param maxBytes the most bytes of a line
   * @param makeMeter makes a meter for each line that comes in several pieces
   */
  constructor(maxBytes: number, makeMeter?: () => LineMeter) {
    this.#maxBytes = maxBytes;
    this.#makeMeter = makeMeter;
  }

  /**
   * Adds a piece of the stream.
   *
   * @yields the lines that it completes, without their line feed
   * @throws LineTooLong
   */
  *push(bytes: Uint8Array): Generator<string> {
    const first = bytes.indexOf(lineFeed);
    const last = bytes.lastIndexOf(lineFeed);
    if (last >= 0 && last === bytes.length - 1 && this.#line.length === 0) {
      this.#meter = undefined;
      yield* this.#between(bytes.subarray(0, last));
      return;
    }
    if (first !== -1) {
      this.#add(bytes.subarray(0, first));
      this.#meter = undefined;
      yield this.rest();
    }
    if (last > first) yield* this.#between(bytes.subarray(first + 1, last));
    const rest = bytes.subarray(last + 1);
    if (rest.length > 0) this.#meter ??= this.#makeMeter?.();
    this.#add(rest);
  }

  /** Yields lines that came in one piece. They are decoded at once: a view of each would be more garbage than the line. */
  *#between(bytes: Uint8Array): Generator<string> {
    if (bytes.length > this.#maxBytes) this.#refuseLong(bytes);
    yield* Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8").split("\n");
  }

  #refuseLong(bytes: Uint8Array): void {
    for (let from = 0; from <= bytes.length; ) {
      const end = bytes.indexOf(lineFeed, from);
      const next = end === -1 ? bytes.length : end;
      if (next - from > this.#maxBytes) throw new LineTooLong(this.#maxBytes);
      from = next + 1;
    }
  }

  /** Takes what stands after the last line feed. */
  rest(): string {
    return this.#line.take().toString("utf8");
  }

  #add(bytes: Uint8Array): void {
    this.#meter?.add(bytes);
    this.#line.add(bytes);
    if (this.#line.length > this.#maxBytes) throw new LineTooLong(this.#maxBytes);
  }
}
