/** A message that is not whole counts once so many bytes of it have come. */
const smallBytes = 64 * 1024;
/** The most bytes of all these messages. */
const defaultMost = 64 * 1024 * 1024;

/** A connection that can be closed. */
export interface FrameSender {
  drop(): void;
}

/**
 * The memory of the frames of WebSockets that are not whole yet: the listener behind keeps them until they are. Beyond the
 * limit the connection whose message has been unfinished for the longest is closed: a caller who sends a part of many
 * large frames and then nothing would fill the memory (T332).
 */
export class FrameMemory {
  readonly #most: number;
  /** The one that has been unfinished for the longest first. */
  readonly #unfinished = new Map<FrameSender, number>();
  #held = 0;

  constructor(most = defaultMost) {
    this.#most = most;
  }

  /** Notes how many bytes there are of the unfinished message of a connection; 0 if there is none. */
  note(sender: FrameSender, bytes: number): void {
    const before = this.#unfinished.get(sender) ?? 0;
    const counted = bytes > smallBytes ? bytes : 0;
    if (counted === before) return;
    this.#held += counted - before;
    if (counted === 0) this.#unfinished.delete(sender);
    else this.#unfinished.set(sender, counted);
    while (this.#held > this.#most) {
      const longest = this.#unfinished.keys().next().value!;
      this.note(longest, 0);
      longest.drop();
    }
  }
}

const headEnd = Buffer.from("\r\n\r\n");

/** Counts the bytes of the message that is not whole in what a caller sends: a request, and then frames (RFC 6455, 5.2). */
export class FrameMeter {
  /** Bytes of the end of the request that have come in their order; undefined behind the request. */
  #headMatched: number | undefined = 0;
  /** The header of the frame that has begun. */
  #header: number[] = [];
  /** Bytes of the frame that have not come. */
  #left = 0;
  /** Bytes that have come of the message that is not whole. */
  unfinished = 0;

  push(bytes: Uint8Array): void {
    let at = this.#headMatched === undefined ? 0 : this.#skipHead(bytes);
    while (at < bytes.length) {
      if (this.#left === 0) {
        this.#header.push(bytes[at++]!);
        if (this.#header.length === headerLength(this.#header)) this.#begin();
        continue;
      }
      const length = Math.min(this.#left, bytes.length - at);
      at += length;
      this.#left -= length;
      if (!this.#isControl) this.unfinished += length;
      if (this.#left === 0) this.#end();
    }
  }

  /** Returns the index behind the request. */
  #skipHead(bytes: Uint8Array): number {
    for (const [at, byte] of bytes.entries()) {
      const matched = this.#headMatched!;
      this.#headMatched = byte === headEnd[matched] ? matched + 1 : byte === headEnd[0] ? 1 : 0;
      if (this.#headMatched < headEnd.length) continue;
      this.#headMatched = undefined;
      return at + 1;
    }
    return bytes.length;
  }

  get #isControl(): boolean {
    return (this.#header[0]! & 8) !== 0;
  }

  #begin(): void {
    const [, second = 0, ...rest] = this.#header;
    const short = second & 127;
    const extended = rest.slice(0, short === 127 ? 8 : short === 126 ? 2 : 0);
    this.#left = short < 126 ? short : extended.reduce((length, byte) => length * 256 + byte, 0);
    if (this.#left === 0) this.#end();
  }

  #end(): void {
    const isLast = (this.#header[0]! & 128) !== 0;
    if (isLast && !this.#isControl) this.unfinished = 0;
    this.#header = [];
  }
}

/** Returns the length of a frame's header by its first bytes; 2 while the second is not there. */
function headerLength([, second]: readonly number[]): number {
  if (second === undefined) return 2;
  const short = second & 127;
  return 2 + (short === 127 ? 8 : short === 126 ? 2 : 0) + (second & 128 ? 4 : 0);
}
