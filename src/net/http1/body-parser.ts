import { mayBeName, mayBeValue } from "./fields.ts";
import { MalformedMessage } from "./malformed-message.ts";

const sizeLineLimit = 4096;
const chunkSizeLimit = 2 ** 48;
/** The largest number of bytes of the extensions of all chunks, and of the trailers, of a strictly read body. */
const strictLimit = 16 * 1024;
/** Chunks of one read that the receiver gets one by one. Those after them are one part. */
const separateChunks = 16;

/** The most bytes of a part that is copied. Those of a longer one are outside of the engine's heap in any case. */
const copiedBytes = 1000;

/** Takes the parts of a body: views of the bytes that the parser got, which the parser may have moved together, or copies. */
export interface BodyReceiver {
  push(bytes: Buffer): void;
  end(): void;
}

/** The framing of a body: its bytes, in chunks, or all bytes until the connection is closed. */
export type BodyFraming = number | "chunked" | "until-close";

enum Phase {
  Sized,
  ChunkSize,
  ChunkExtension,
  ChunkSizeEnd,
  ChunkData,
  ChunkDataReturn,
  ChunkDataEnd,
  Trailer,
  UntilClose,
  Done,
}

/** Options of a `BodyParser`. */
export interface BodyParserOptions {
  /** Counts the bytes of a trailer like those of the head. */
  head?: { countHead(bytes: number): void };
  /**
   * True for a request: no spaces around the size of a chunk, limits for all extensions and trailers together, and a
   * trailer must be a header. What this server takes for a trailer must be one for every proxy before it (T306).
   */
  isStrict?: boolean;
}

/** Reads one body of an HTTP/1.1 message (RFC 9112 sections 6 and 7) from bytes that may be cut anywhere. */
export class BodyParser {
  #phase = Phase.Done;
  #remaining = 0;
  #lineLength = 0;
  /** Bytes of extensions and trailers of this body. */
  #overhead = 0;
  /** The colon of the trailer's line has come. */
  #hasName = false;
  /** The part of the body in the bytes of this read that the receiver has not got yet. */
  #partStart = 0;
  #partEnd = 0;
  /** Chunks in this read. */
  #chunks = 0;
  #receiver: BodyReceiver;
  readonly #head: BodyParserOptions["head"];
  readonly #isStrict: boolean;

  constructor(receiver: BodyReceiver, { head, isStrict = false }: BodyParserOptions = {}) {
    this.#receiver = receiver;
    this.#head = head;
    this.#isStrict = isStrict;
  }

  /** True if the whole body has been read. */
  get done(): boolean {
    return this.#phase === Phase.Done;
  }

  /** True if the body lasts until the connection is closed. */
  get isUntilClose(): boolean {
    return this.#phase === Phase.UntilClose;
  }

  /** Begins a body. One of no bytes is done, and its receiver hears nothing of it. */
  begin(framing: BodyFraming, receiver: BodyReceiver = this.#receiver): void {
    this.#receiver = receiver;
    this.#lineLength = this.#remaining = this.#overhead = 0;
    this.#hasName = false;
    if (framing === "chunked") this.#phase = Phase.ChunkSize;
    else if (framing === "until-close") this.#phase = Phase.UntilClose;
    else {
      this.#remaining = framing;
      this.#phase = framing === 0 ? Phase.Done : Phase.Sized;
    }
  }

  /**
   * Reads the bytes of the body from `from` on, and passes its parts to the receiver. May change the bytes.
   *
   * @returns the index after the last byte of the body
   * @throws MalformedMessage
   */
  push(bytes: Buffer, from: number): number {
    this.#partEnd = this.#partStart = 0;
    this.#chunks = 0;
    let at = from;
    try {
      while (at < bytes.length && this.#phase !== Phase.Done) at = this.#read(bytes, at);
    } finally {
      this.#pass(bytes);
    }
    return at;
  }

  /** Ends a body that lasts until the connection is closed. */
  close(): void {
    if (this.#phase === Phase.UntilClose) this.#finish();
  }

  #read(bytes: Buffer, at: number): number {
    switch (this.#phase) {
      case Phase.Sized:
      case Phase.ChunkData:
        return this.#pushSized(bytes, at);
      case Phase.UntilClose:
        this.#receiver.push(at === 0 ? bytes : bytes.subarray(at));
        return bytes.length;
      case Phase.Trailer:
        return this.#pushTrailer(bytes, at);
      default:
        return this.#pushFraming(bytes, at);
    }
  }

  #pushSized(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#remaining);
    this.#remaining -= end - at;
    const last = this.#remaining === 0 && this.#phase === Phase.Sized;
    if (this.#remaining === 0 && !last) this.#phase = Phase.ChunkDataReturn;
    this.#take(bytes, at, end);
    if (last) this.#finish(bytes);
    return end;
  }

  /** Passes a chunk, or adds it to the part for the end of this read: thousands of views would be costly (T63). */
  #take(bytes: Buffer, start: number, end: number): void {
    if (++this.#chunks <= separateChunks) return this.#receiver.push(partOf(bytes, start, end));
    if (this.#partEnd === this.#partStart) this.#partStart = this.#partEnd = start;
    else if (start !== this.#partEnd) bytes.copyWithin(this.#partEnd, start, end);
    this.#partEnd += end - start;
  }

  #pass(bytes: Buffer): void {
    const start = this.#partStart;
    const end = this.#partEnd;
    if (start === end) return;
    this.#partStart = end;
    this.#receiver.push(bytes.subarray(start, end));
  }

  /** Reads the framing around the data of chunks, byte by byte. */
  #pushFraming(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length) {
      const byte = bytes[at++]!;
      switch (this.#phase) {
        case Phase.ChunkSize: {
          const digit = hexDigit(byte);
          if (digit !== -1) {
            this.#remaining = this.#remaining * 16 + digit;
            if (this.#remaining > chunkSizeLimit) throw new MalformedMessage("chunk too large");
            this.#countLine();
          } else if (this.#lineLength === 0) throw new MalformedMessage("chunk without a size");
          else if (byte === 13) this.#phase = Phase.ChunkSizeEnd;
          else if (byte === 59 || (!this.#isStrict && (byte === 32 || byte === 9)))
            this.#phase = Phase.ChunkExtension;
          else throw new MalformedMessage("bad chunk size");
          break;
        }
        case Phase.ChunkExtension:
          if (byte === 13) this.#phase = Phase.ChunkSizeEnd;
          else if (mayBeValue[byte] !== 1) throw new MalformedMessage("bad chunk extension");
          else {
            this.#countLine();
            this.#countStrict();
          }
          break;
        case Phase.ChunkSizeEnd:
          if (byte !== 10) throw new MalformedMessage("bad end of a chunk size");
          this.#lineLength = 0;
          this.#phase = this.#remaining === 0 ? Phase.Trailer : Phase.ChunkData;
          return at;
        case Phase.ChunkDataReturn:
          if (byte !== 13) throw new MalformedMessage("chunk longer than its size");
          this.#phase = Phase.ChunkDataEnd;
          break;
        default:
          if (byte !== 10) throw new MalformedMessage("bad end of a chunk");
          this.#phase = Phase.ChunkSize;
      }
    }
    return at;
  }

  /** Drops trailers: none may change the meaning of a message. */
  #pushTrailer(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length) {
      const byte = bytes[at++]!;
      this.#head?.countHead(1);
      this.#countStrict();
      if (this.#remaining === 13) {
        if (byte !== 10) throw new MalformedMessage("bad end of a trailer");
        this.#remaining = 0;
        if (this.#lineLength === 0) {
          this.#finish(bytes);
          return at;
        }
        this.#lineLength = 0;
        this.#hasName = false;
      } else if (byte === 13) {
        if (this.#isStrict && this.#lineLength > 0 && !this.#hasName)
          throw new MalformedMessage("bad trailer");
        this.#remaining = 13;
      } else {
        this.#checkTrailer(byte);
        this.#lineLength++;
      }
    }
    return at;
  }

  #checkTrailer(byte: number): void {
    if (mayBeValue[byte] !== 1) throw new MalformedMessage("bad trailer");
    if (!this.#isStrict || this.#hasName) return;
    if (byte === 58 && this.#lineLength > 0) this.#hasName = true;
    else if (mayBeName[byte] !== 1) throw new MalformedMessage("bad trailer");
  }

  #countStrict(): void {
    if (this.#isStrict && ++this.#overhead > strictLimit)
      throw new MalformedMessage("the chunk extensions and trailers are over 16 KiB");
  }

  #countLine(): void {
    if (++this.#lineLength > sizeLineLimit) throw new MalformedMessage("the chunk extension is over 4 KiB");
  }

  #finish(bytes?: Buffer): void {
    if (bytes !== undefined) this.#pass(bytes);
    this.#phase = Phase.Done;
    this.#receiver.end();
  }
}

/**
 * Returns a part of the bytes that a socket gave. A small one is copied: a view moves them out of the heap of the engine, and
 * costs more to make and to collect than the copy.
 */
function partOf(bytes: Buffer, start: number, end: number): Buffer {
  if (start === 0 && end === bytes.length) return bytes;
  const length = end - start;
  if (length > copiedBytes) return bytes.subarray(start, end);
  const part = Buffer.allocUnsafe(length);
  bytes.copy(part, 0, start, end);
  return part;
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
