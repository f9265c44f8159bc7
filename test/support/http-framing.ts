/** A piece of a connection, for a reader that must know where messages begin and end. */
export interface Piece {
  bytes: Buffer;
  /** Of the first piece of a message: its head as text, without the empty line. */
  head?: string;
  /** True if the message ends with this piece. */
  last: boolean;
}

/** Framing of the next bytes: a count of them, HTTP chunks, or all until the connection ends. */
type Body = { missing: number } | { chunk: "size" | "data" | "trailer"; missing: number } | "rest";

/**
 * Finds where HTTP/1.1 messages begin and end on one half of a connection, and changes no byte of them. After an
 * upgrade (status 101) all that follows is one message.
 */
export class HttpFraming {
  readonly #bodyless: () => boolean;
  #part: Buffer = Buffer.alloc(0);
  #body: Body | undefined;

  /** @param bodyless asked for each answer's head, first to last: whether its request was a HEAD */
  constructor(bodyless: () => boolean = () => false) {
    this.#bodyless = bodyless;
  }

  /** Takes what has come and returns it in pieces; half a head or half a chunk's size waits for its other half. */
  push(bytes: Buffer): Piece[] {
    this.#part = this.#part.length === 0 ? bytes : Buffer.concat([this.#part, bytes]);
    const pieces: Piece[] = [];
    for (let piece = this.#take(); piece; piece = this.#take()) pieces.push(piece);
    return pieces;
  }

  /** Returns the rest when the connection ends. */
  rest(): Buffer {
    return this.#part;
  }

  #take(): Piece | undefined {
    if (this.#part.length === 0) return undefined;
    if (this.#body === undefined) return this.#head();
    if (this.#body === "rest") return { bytes: this.#cut(this.#part.length), last: false };
    if ("chunk" in this.#body) return this.#chunked(this.#body);
    const bytes = this.#cut(this.#body.missing);
    this.#body.missing -= bytes.length;
    if (this.#body.missing > 0) return { bytes, last: false };
    this.#body = undefined;
    return { bytes, last: true };
  }

  #head(): Piece | undefined {
    const end = this.#part.indexOf("\r\n\r\n");
    if (end < 0) return undefined;
    const bytes = this.#cut(end + 4);
    const head = bytes.toString("latin1", 0, end);
    this.#body = this.#bodyOf(head);
    return { bytes, head, last: this.#body === undefined };
  }

  #bodyOf(head: string): Body | undefined {
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
    if (status === "101") return "rest";
    if (status?.startsWith("1")) return undefined;
    const withoutBody = status !== undefined && this.#bodyless();
    if (withoutBody || status === "204" || status === "304") return undefined;
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) return { chunk: "size", missing: 0 };
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length !== undefined) return length === "0" ? undefined : { missing: Number(length) };
    return status === undefined ? undefined : "rest";
  }

  #chunked(body: { chunk: "size" | "data" | "trailer"; missing: number }): Piece | undefined {
    if (body.chunk === "data") {
      const bytes = this.#cut(body.missing);
      body.missing -= bytes.length;
      if (body.missing === 0) body.chunk = "size";
      return { bytes, last: false };
    }
    const end = this.#part.indexOf("\r\n");
    if (end < 0) return undefined;
    const bytes = this.#cut(end + 2);
    if (body.chunk === "trailer") {
      if (end > 0) return { bytes, last: false };
      this.#body = undefined;
      return { bytes, last: true };
    }
    const size = Number.parseInt(bytes.toString("latin1"), 16);
    if (Number.isNaN(size)) throw new Error("that is no size of a chunk");
    // A chunk's data ends in a line end of its own.
    Object.assign(body, size === 0 ? { chunk: "trailer" } : { chunk: "data", missing: size + 2 });
    return { bytes, last: false };
  }

  #cut(length: number): Buffer {
    const bytes = this.#part.subarray(0, length);
    this.#part = this.#part.subarray(length);
    return bytes;
  }
}
