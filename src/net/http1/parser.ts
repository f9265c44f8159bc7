import { MalformedResponse, type ResponseHead, readHead } from "./head.ts";

/** The largest number of bytes of all heads and trailers of one response. */
export const headLimit = 64 * 1024;
const sizeLineLimit = 4096;
const chunkSizeLimit = 2 ** 48;
const headEnd = Buffer.from("\r\n\r\n");
/** Chunks of one read that the receiver gets one by one. Those after them are one part. */
const separateChunks = 16;
const decimal = /^\d{1,15}$/;

/**
 * Takes a response from the parser. Parts of the body are views of the bytes that the parser got, which the parser may
 * have moved together.
 */
export interface ResponseReceiver {
  head(head: ResponseHead): void;
  push(bytes: Buffer): void;
  end(): void;
}

enum Phase {
  Head,
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

/**
 * Reads one HTTP/1.x response (RFC 9112) from bytes that may be cut anywhere. A bare LF, a folded header, two framings
 * at once or a malformed chunk throws `MalformedResponse`: two readers that understand one response differently make
 * response splitting possible.
 */
export class ResponseParser {
  /** True if bytes came after the end of the response: the connection must not be used again. */
  surplus = false;
  /** True if the peer takes another request on this connection after this response. */
  keepAlive = false;
  #phase = Phase.Head;
  #remaining = 0;
  #lineLength = 0;
  #headLength = 0;
  #held: Buffer | undefined;
  #heldLength = 0;
  /** The part of the body in the bytes of this read that the receiver has not got yet. */
  #partStart = 0;
  #partEnd = 0;
  /** Chunks in this read. */
  #chunks = 0;
  #receiver: ResponseReceiver;
  #method: string;

  /** @param method the method of the request: a response to HEAD has no body */
  constructor(receiver: ResponseReceiver, method: string) {
    this.#receiver = receiver;
    this.#method = method;
  }

  /** Prepares a parser that is done for the next response on its connection. */
  restart(receiver: ResponseReceiver, method: string): void {
    this.#receiver = receiver;
    this.#method = method;
    this.#phase = Phase.Head;
    this.#remaining = 0;
    this.#lineLength = 0;
    this.#headLength = 0;
    this.surplus = false;
    this.keepAlive = false;
  }

  /** True if the whole response has been read. */
  get done(): boolean {
    return this.#phase === Phase.Done;
  }

  /** Reads the next bytes, and passes the parts of the response in them to the receiver. May change the bytes. */
  push(bytes: Buffer): void {
    this.#partEnd = this.#partStart = 0;
    this.#chunks = 0;
    try {
      this.#read(bytes);
    } finally {
      this.#pass(bytes);
    }
  }

  #read(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      switch (this.#phase) {
        case Phase.Head:
          at = this.#pushHead(bytes, at);
          break;
        case Phase.Sized:
        case Phase.ChunkData:
          at = this.#pushSized(bytes, at);
          break;
        case Phase.UntilClose:
          this.#receiver.push(at === 0 ? bytes : bytes.subarray(at));
          return;
        case Phase.Trailer:
          at = this.#pushTrailer(bytes, at);
          break;
        case Phase.Done:
          this.surplus = true;
          return;
        default:
          at = this.#pushFraming(bytes, at);
      }
    }
  }

  /**
   * The peer has closed its side of the connection without an error. Ends a body that lasts until the close.
   *
   * @throws MalformedResponse if the response is not whole
   */
  close(): void {
    if (this.#phase === Phase.UntilClose) this.#finish();
    else if (this.#phase !== Phase.Done) throw new MalformedResponse("the response stopped in the middle");
  }

  #pushHead(bytes: Buffer, from: number): number {
    if (this.#held === undefined) {
      refuseOtherProtocol(bytes[from]!);
      const end = bytes.indexOf(headEnd, from);
      if (end !== -1) {
        this.#countHead(end + 4 - from);
        this.#takeHead(readHead(bytes, from, end + 4));
        return end + 4;
      }
      this.#held = Buffer.allocUnsafe(1024);
    }
    const before = this.#heldLength;
    this.#hold(bytes, from);
    const end = this.#held.subarray(0, this.#heldLength).indexOf(headEnd, Math.max(0, before - 3));
    if (end === -1) {
      if (this.#headLength + this.#heldLength > headLimit) this.#countHead(this.#heldLength);
      return bytes.length;
    }
    const held = this.#held;
    this.#held = undefined;
    this.#heldLength = 0;
    this.#countHead(end + 4);
    this.#takeHead(readHead(held, 0, end + 4));
    return from + end + 4 - before;
  }

  #hold(bytes: Buffer, from: number): void {
    const length = this.#heldLength + Math.min(bytes.length - from, headLimit + 4);
    if (length > this.#held!.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, this.#held!.length * 2));
      this.#held!.copy(larger, 0, 0, this.#heldLength);
      this.#held = larger;
    }
    bytes.copy(this.#held!, this.#heldLength, from);
    this.#heldLength = length;
  }

  #countHead(length: number): void {
    this.#headLength += length;
    if (this.#headLength > headLimit) throw new MalformedResponse("the head of the response is over 64 KiB");
  }

  #takeHead(head: ResponseHead): void {
    if (head.status === 101) throw new MalformedResponse("the peer switched protocols without being asked");
    if (head.status < 200) return;
    this.#chooseFraming(head);
    this.#receiver.head(head);
    if (this.#phase === Phase.Done) this.#receiver.end();
  }

  /** Chooses the framing of the body (RFC 9112 section 6.3). Two framings at once are an error. */
  #chooseFraming({ status, minorVersion, contentLength, transferEncoding, connection }: ResponseHead): void {
    this.keepAlive = wantsKeepAlive(connection, minorVersion);
    if (contentLength !== undefined && !decimal.test(contentLength))
      throw new MalformedResponse("bad content-length");
    if (transferEncoding !== undefined) {
      const understood = transferEncoding.toLowerCase() === "chunked" && minorVersion === 1;
      if (!understood || contentLength !== undefined) throw new MalformedResponse("bad transfer-encoding");
    }
    if (this.#method === "HEAD" || status === 204 || status === 304) this.#phase = Phase.Done;
    else if (transferEncoding !== undefined) this.#phase = Phase.ChunkSize;
    else if (contentLength !== undefined) {
      this.#remaining = Number(contentLength);
      this.#phase = this.#remaining === 0 ? Phase.Done : Phase.Sized;
    } else {
      this.keepAlive = false;
      this.#phase = Phase.UntilClose;
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
    if (++this.#chunks <= separateChunks)
      return this.#receiver.push(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
    if (this.#partEnd === this.#partStart) this.#partStart = this.#partEnd = start;
    else if (start !== this.#partEnd) bytes.copyWithin(this.#partEnd, start, end);
    this.#partEnd += end - start;
  }

  #pass(bytes: Buffer): void {
    const [start, end] = [this.#partStart, this.#partEnd];
    if (start === end) return;
    this.#partStart = this.#partEnd;
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
            if (this.#remaining > chunkSizeLimit) throw new MalformedResponse("chunk too large");
            this.#countLine();
          } else if (this.#lineLength === 0) throw new MalformedResponse("chunk without a size");
          else if (byte === 13) this.#phase = Phase.ChunkSizeEnd;
          else if (byte === 59 || byte === 32 || byte === 9) this.#phase = Phase.ChunkExtension;
          else throw new MalformedResponse("bad chunk size");
          break;
        }
        case Phase.ChunkExtension:
          if (byte === 13) this.#phase = Phase.ChunkSizeEnd;
          else if (byte < 32 && byte !== 9) throw new MalformedResponse("bad chunk extension");
          else this.#countLine();
          break;
        case Phase.ChunkSizeEnd:
          if (byte !== 10) throw new MalformedResponse("bad end of a chunk size");
          this.#lineLength = 0;
          this.#phase = this.#remaining === 0 ? Phase.Trailer : Phase.ChunkData;
          return at;
        case Phase.ChunkDataReturn:
          if (byte !== 13) throw new MalformedResponse("chunk longer than its size");
          this.#phase = Phase.ChunkDataEnd;
          break;
        default:
          if (byte !== 10) throw new MalformedResponse("bad end of a chunk");
          this.#phase = Phase.ChunkSize;
      }
    }
    return at;
  }

  /** Drops trailers: none may change the meaning of a response. */
  #pushTrailer(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length) {
      const byte = bytes[at++]!;
      this.#countHead(1);
      if (this.#remaining === 13) {
        if (byte !== 10) throw new MalformedResponse("bad end of a trailer");
        this.#remaining = 0;
        if (this.#lineLength === 0) {
          this.#finish(bytes);
          return at;
        }
        this.#lineLength = 0;
      } else if (byte === 13) this.#remaining = 13;
      else if (byte < 32 && byte !== 9) throw new MalformedResponse("bad trailer");
      else this.#lineLength++;
    }
    return at;
  }

  #countLine(): void {
    if (++this.#lineLength > sizeLineLimit) throw new MalformedResponse("the chunk extension is over 4 KiB");
  }

  #finish(bytes?: Buffer): void {
    if (bytes !== undefined) this.#pass(bytes);
    this.#phase = Phase.Done;
    this.#receiver.end();
  }
}

/** Throws MalformedResponse at once if the first byte cannot begin `HTTP/`: some servers wait before they close. */
function refuseOtherProtocol(first: number): void {
  if (first === 72) return;
  // The types of TLS records that a server sends first: alert and handshake (RFC 8446 section 5.1).
  if (first === 21 || first === 22)
    throw new MalformedResponse("the server speaks TLS on this port: the url must begin with https");
  throw new MalformedResponse("the server does not speak HTTP on this port");
}

function wantsKeepAlive(connection: string | undefined, minorVersion: number): boolean {
  if (connection === undefined) return minorVersion === 1;
  const options = connection
    .toLowerCase()
    .split(",")
    .map((option) => option.trim());
  return !options.includes("close") && (minorVersion === 1 || options.includes("keep-alive"));
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
