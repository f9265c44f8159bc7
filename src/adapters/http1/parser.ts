/** The most bytes all heads and trailers of one answer may take. */
export const headLimit = 64 * 1024;
const sizeLineLimit = 4096;
const chunkSizeLimit = 2 ** 48;

const headEnd = Buffer.from("\r\n\r\n");
const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const forbiddenInValue = /[\0-\x08\x0a-\x1f\x7f]/;
const decimal = /^\d{1,15}$/;

/** The peer sent something that is not an HTTP/1.1 response, or stopped in the middle of one. */
export class MalformedResponse extends Error {
  override name = "MalformedResponse";
}

export interface ResponseHead {
  status: number;
  /** Names in lower case. A repeated header is joined by ", ", `set-cookie` too. */
  headers: Map<string, string>;
}

/** What the parser tells. Body parts are views into the bytes pushed, not copies. */
export interface ResponseEvents {
  onHead(head: ResponseHead): void;
  onBody(bytes: Buffer): void;
  onEnd(): void;
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
 * Reads one HTTP/1.x response (RFC 9112) from bytes cut anywhere. It is strict: a bare LF, a folded
 * header, two framings at once or a malformed chunk throws `MalformedResponse`, since a reader more
 * lenient than the one before it is how responses get split.
 */
export class ResponseParser {
  /** Bytes came after the end of the response. The connection must not be used again. */
  surplus = false;
  /** The peer will take another request on this connection once this response is done. */
  keepAlive = false;
  #phase = Phase.Head;
  #remaining = 0;
  #lineLength = 0;
  #headLength = 0;
  #held: Buffer | undefined;
  #heldLength = 0;
  readonly #events: ResponseEvents;
  readonly #method: string;

  constructor(events: ResponseEvents, method: string) {
    this.#events = events;
    this.#method = method;
  }

  /** The whole response has been read. */
  get done(): boolean {
    return this.#phase === Phase.Done;
  }

  /** Reads the next bytes and calls the events they complete. */
  push(bytes: Buffer): void {
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
          this.#events.onBody(at === 0 ? bytes : bytes.subarray(at));
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

  /** The peer closed its side in good order. Ends a body that lasts until the close, throws otherwise. */
  close(): void {
    if (this.#phase === Phase.UntilClose) this.#finish();
    else if (this.#phase !== Phase.Done) throw new MalformedResponse("the answer stopped in the middle");
  }

  #pushHead(bytes: Buffer, from: number): number {
    if (this.#held === undefined) {
      const end = bytes.indexOf(headEnd, from);
      if (end !== -1) {
        this.#countHead(end + 4 - from);
        this.#readHead(bytes.toString("latin1", from, end));
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
    const head = this.#held.toString("latin1", 0, end);
    this.#held = undefined;
    this.#heldLength = 0;
    this.#countHead(end + 4);
    this.#readHead(head);
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
    if (this.#headLength > headLimit) throw new MalformedResponse("the head of the answer is over 64 KiB");
  }

  #readHead(text: string): void {
    let lineEnd = text.indexOf("\r\n");
    const match = statusLine.exec(lineEnd === -1 ? text : text.slice(0, lineEnd));
    if (match === null) throw new MalformedResponse("the status line is not HTTP/1.x");
    const status = Number(match[2]);
    const headers = new Map<string, string>();
    while (lineEnd !== -1) {
      const start = lineEnd + 2;
      lineEnd = text.indexOf("\r\n", start);
      readHeader(headers, lineEnd === -1 ? text.slice(start) : text.slice(start, lineEnd));
    }
    if (status < 200) {
      if (status === 101) throw new MalformedResponse("the peer switched protocols unasked");
      return;
    }
    this.#chooseFraming(status, headers, match[1] === "1");
    this.#events.onHead({ status, headers });
    if (this.#phase === Phase.Done) this.#events.onEnd();
  }

  /** RFC 9112 section 6.3, but two framings at once are an error. */
  #chooseFraming(status: number, headers: Map<string, string>, is11: boolean): void {
    const length = headers.get("content-length");
    const coding = headers.get("transfer-encoding");
    this.keepAlive = wantsKeepAlive(headers.get("connection"), is11);
    if (length !== undefined && !decimal.test(length)) throw new MalformedResponse("bad content-length");
    if (coding !== undefined && (coding.toLowerCase() !== "chunked" || length !== undefined || !is11)) {
      throw new MalformedResponse("bad transfer-encoding");
    }
    if (this.#method === "HEAD" || status === 204 || status === 304) this.#phase = Phase.Done;
    else if (coding !== undefined) this.#phase = Phase.ChunkSize;
    else if (length !== undefined) {
      this.#remaining = Number(length);
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
    this.#events.onBody(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
    if (last) this.#finish();
    return end;
  }

  /** Reads what stands around the data of the chunks, byte by byte. */
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

  /** Trailers are read over and dropped: none may change how an answer is understood. */
  #pushTrailer(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length) {
      const byte = bytes[at++]!;
      this.#countHead(1);
      if (this.#remaining === 13) {
        if (byte !== 10) throw new MalformedResponse("bad end of a trailer");
        this.#remaining = 0;
        if (this.#lineLength === 0) {
          this.#finish();
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

  #finish(): void {
    this.#phase = Phase.Done;
    this.#events.onEnd();
  }
}

function readHeader(headers: Map<string, string>, line: string): void {
  const colon = line.indexOf(":");
  const name = colon === -1 ? line : line.slice(0, colon);
  const value = line.slice(colon + 1).trim();
  if (colon === -1 || !token.test(name) || forbiddenInValue.test(value)) {
    throw new MalformedResponse("the head of the answer has a line that is not a header");
  }
  const key = name.toLowerCase();
  const earlier = headers.get(key);
  headers.set(key, earlier === undefined ? value : `${earlier}, ${value}`);
}

function wantsKeepAlive(connection: string | undefined, is11: boolean): boolean {
  if (connection === undefined) return is11;
  const options = connection.toLowerCase().split(",");
  if (options.some((option) => option.trim() === "close")) return false;
  return is11 || options.some((option) => option.trim() === "keep-alive");
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
