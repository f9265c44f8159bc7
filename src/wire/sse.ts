import { AppError } from "../errors.ts";
import { ByteBuffer } from "./byte-buffer.ts";

/** One server-sent event. */
export interface SseEvent {
  /** `message` for an event without a name. */
  event: string;
  /** The data lines, joined by newlines. */
  data: string;
  /** The last id of the stream, of this event or of an earlier one. */
  id?: string;
}

/** The headers of a response that streams events: no proxy may cache, change or hold back what comes. */
export const eventStreamHeaders = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

const lineFeed = 10;
const carriageReturn = 13;
const colon = 58;
const nothing = new Uint8Array(0);
const byteOrderMark = "\uFEFF";
// Whole lines only: no byte of a multi-byte character looks like a line end.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) from bytes that are cut
 * anywhere. Lines end in LF, CR or CRLF, also mixed. Time is linear in the bytes, however small the pieces are.
 */
export class SseParser {
  readonly #maxEventBytes: number;
  readonly #line = new ByteBuffer();
  #data: string[] = [];
  #dataBytes = 0;
  #event = "";
  #id: string | undefined;
  #retry: number | undefined;
  #atStart = true;
  #afterCarriageReturn = false;

  /** @param options.maxEventBytes What one event may take, default 8 MiB (T66). */
  constructor(options: { maxEventBytes?: number } = {}) {
    this.#maxEventBytes = options.maxEventBytes ?? 8 * 1024 * 1024;
  }

  /** The id that the stream gave last. */
  get lastEventId(): string | undefined {
    return this.#id;
  }

  /** Bytes of the event that is not whole yet. */
  get held(): number {
    return this.#line.length + this.#dataBytes;
  }

  /** Milliseconds that the sender wants a reader to wait before it opens the stream again. */
  get retry(): number | undefined {
    return this.#retry;
  }

  /**
   * Takes the next bytes and returns the events that they complete.
   *
   * @throws AppError `provider_error` when an event is larger than allowed
   */
  push(bytes: Uint8Array): SseEvent[] {
    const events: SseEvent[] = [];
    let from = 0;
    if (this.#afterCarriageReturn && bytes.length > 0) {
      if (bytes[0] === lineFeed) from = 1;
      this.#afterCarriageReturn = false;
    }
    let feed = bytes.indexOf(lineFeed, from);
    let carriage = bytes.indexOf(carriageReturn, from);
    while (feed !== -1 || carriage !== -1) {
      const end = feed === -1 || (carriage !== -1 && carriage < feed) ? carriage : feed;
      this.#endLine(end === from ? nothing : bytes.subarray(from, end), events);
      from = end + 1;
      if (end === carriage) {
        if (from === bytes.length) this.#afterCarriageReturn = true;
        else if (bytes[from] === lineFeed) from++;
      }
      // Each is searched again only after it has been passed: otherwise the time would be quadratic.
      if (feed !== -1 && feed < from) feed = next(bytes, lineFeed, from);
      if (carriage !== -1 && carriage < from) carriage = next(bytes, carriageReturn, from);
    }
    if (from < bytes.length) this.#hold(bytes.subarray(from));
    return events;
  }

  /**
   * Ends the stream. Returns an event that lacked only its blank line: the specification discards it, but some servers
   * leave the last blank line out.
   */
  end(): SseEvent[] {
    const events: SseEvent[] = [];
    this.#endLine(nothing, events);
    this.#dispatch(events);
    return events;
  }

  #hold(piece: Uint8Array): void {
    this.#refuseLong(piece);
    this.#line.append(piece);
  }

  #refuseLong(piece: Uint8Array): void {
    if (this.#dataBytes + this.#line.length + piece.length > this.#maxEventBytes)
      throw new AppError("provider_error", `an event of the stream exceeds ${this.#maxEventBytes} bytes`);
  }

  #endLine(piece: Uint8Array, events: SseEvent[]): void {
    let bytes = piece;
    if (this.#line.length === 0) {
      // A stream may consist of millions of these lines: they are not copied and not decoded.
      if (piece.length === 0) {
        this.#atStart = false;
        return this.#dispatch(events);
      }
      if (piece[0] === colon) {
        this.#atStart = false;
        return;
      }
      this.#refuseLong(piece);
    } else {
      this.#hold(piece);
      bytes = this.#line.take();
    }
    let line = decoder.decode(bytes);
    if (this.#atStart && line.startsWith(byteOrderMark)) line = line.slice(1);
    this.#atStart = false;
    if (line === "") this.#dispatch(events);
    else this.#field(line, bytes.length);
  }

  #field(line: string, length: number): void {
    const end = line.indexOf(":");
    if (end === 0) return;
    const name = end === -1 ? line : line.slice(0, end);
    const value = end === -1 ? "" : line.slice(line[end + 1] === " " ? end + 2 : end + 1);
    // llama.cpp before 2026 sends an error as a field of that name, which readers of the specification skip.
    if (name === "data" || (name === "error" && value.startsWith("{"))) {
      this.#data.push(name === "data" ? value : `{"error":${value}}`);
      this.#dataBytes += length;
    } else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.#retry = Number(value);
  }

  #dispatch(events: SseEvent[]): void {
    if (this.#data.length > 0) {
      events.push({
        event: this.#event || "message",
        data: this.#data.length === 1 ? this.#data[0]! : this.#data.join("\n"),
        ...(this.#id !== undefined && { id: this.#id }),
      });
      this.#data = [];
      this.#dataBytes = 0;
    }
    this.#event = "";
  }
}

/** Returns the index of the next such byte, or -1. A search is not begun for a byte that is the next one. */
function next(bytes: Uint8Array, byte: number, from: number): number {
  return bytes[from] === byte ? from : bytes.indexOf(byte, from);
}

/**
 * Writes one event. Data may hold line ends; each of its lines becomes a data line.
 *
 * @throws AppError `internal` when event or id hold a line end: it would start a field of its own
 */
export function sseFrame(frame: { event?: string; id?: string; data: string }): string {
  let text = "";
  for (const name of ["event", "id"] as const) {
    const value = frame[name];
    if (value === undefined) continue;
    if (/[\r\n\0]/.test(value)) throw new AppError("internal", `the ${name} of a frame must be one line`);
    text += `${name}: ${value}\n`;
  }
  for (const line of frame.data.split(/\r\n|\r|\n/)) text += `data: ${line}\n`;
  return `${text}\n`;
}

/** Writes one event whose name stands in the frame and in its data, as Anthropic and OpenAI's responses have it. */
export function typedFrame(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

/** The most lines of a frame that is read: a frame has few, and millions of comments take a second (T63). */
const mostLines = 10_000;

/** Returns true if a frame has so many lines that it is not read. */
export function hasManyLines(frame: Uint8Array): boolean {
  return hasMore(frame, lineFeed, mostLines) || hasMore(frame, carriageReturn, mostLines);
}

function hasMore(bytes: Uint8Array, byte: number, most: number): boolean {
  let at = -1;
  for (let found = 0; found <= most; found++) {
    at = bytes.indexOf(byte, at + 1);
    if (at === -1) return false;
  }
  return true;
}

/** Bytes that are looked at one by one: most frames end within them. Then a search skips what has no line end. */
const nearBytes = 512;

/**
 * Returns the end of the last complete frame in `bytes`: the index after its blank line, or 0 when no blank line ends
 * at or after `from`.
 */
export function lastFrameEnd(bytes: Uint8Array, from = 0): number {
  let at = bytes.length - 1;
  let feed = at + 1;
  let carriage = at + 1;
  while (at >= from) {
    const near = Math.max(from, at - nearBytes + 1);
    for (; at >= near; at--) if (endsBlankLine(bytes, at)) return at + 1;
    if (at < from) break;
    if (feed > at) feed = bytes.lastIndexOf(lineFeed, at);
    if (carriage > at) carriage = bytes.lastIndexOf(carriageReturn, at);
    at = Math.max(feed, carriage);
  }
  return 0;
}

/** Returns the end of the first frame that ends at or after `from`: the index after its blank line, or -1. */
export function firstFrameEnd(bytes: Uint8Array, from = 0): number {
  const { length } = bytes;
  let at = from;
  let feed = -1;
  let carriage = -1;
  while (at < length) {
    const near = Math.min(length, at + nearBytes);
    for (; at < near; at++) if (endsBlankLine(bytes, at)) return at + 1;
    // Each is searched again only after it has been passed: otherwise the time would be quadratic.
    if (feed < at) feed = indexOrEnd(bytes, lineFeed, at);
    if (carriage < at) carriage = indexOrEnd(bytes, carriageReturn, at);
    at = Math.min(feed, carriage);
  }
  return -1;
}

function indexOrEnd(bytes: Uint8Array, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from);
  return at === -1 ? bytes.length : at;
}

/** Returns true if the byte at `at` ends a blank line: it is the second of two line ends. */
function endsBlankLine(bytes: Uint8Array, at: number): boolean {
  const byte = bytes[at];
  if (byte !== lineFeed && byte !== carriageReturn) return false;
  const before = bytes[at - 1];
  if (byte === lineFeed) {
    if (before !== carriageReturn) return before === lineFeed;
    return bytes[at - 2] === lineFeed || bytes[at - 2] === carriageReturn;
  }
  if (before === carriageReturn) return true;
  // A CR after an LF may be the first half of CRLF: the next byte decides.
  return before === lineFeed && at + 1 < bytes.length && bytes[at + 1] !== lineFeed;
}
