import { joined, lineEnd, mayBeName } from "./fields.ts";
import { type HeaderFields, HeaderLines } from "./header-lines.ts";
import { MalformedMessage } from "./malformed-message.ts";

/** The checked head of a response. Headers become strings when they are read first. */
export class ResponseHead {
  #headers: HeaderLines | undefined;

  constructor(
    readonly status: number,
    readonly minorVersion: number,
    /** The headers that decide the framing of the body. */
    readonly contentLength: string | undefined,
    readonly transferEncoding: string | undefined,
    readonly connection: string | undefined,
    readonly bytes: Buffer,
    private readonly start: number,
    private readonly end: number,
  ) {}

  /** Names in lower case. A repeated header is joined by ", ", `set-cookie` too. */
  get headers(): HeaderFields {
    this.#headers ??= new HeaderLines(this.bytes.toString("latin1", this.start, this.end));
    return this.#headers;
  }

  /** Frees the strings of the headers. They are made anew if they are asked for again. */
  forgetHeaders(): void {
    this.#headers = undefined;
  }
}

/** Values of framing headers, each of them one text for all connections. */
const shared = new Map(["chunked", "keep-alive", "close"].map((value) => [value, value]));

const carriageReturn = 13;
const space = 32;
const colon = 58;
const zero = 48;
const version = Buffer.from("HTTP/1.");

/**
 * Reads the head in `bytes` from `start` to `end`, which is just after its empty line. This runs for every call, so it
 * makes one pass over the bytes and creates no strings for most headers.
 *
 * @throws MalformedMessage also for a folded header, a space before the colon and a bare CR or LF (RFC 9112 sections
 *   2.2, 5.1 and 5.2)
 */
export function readHead(bytes: Buffer, start: number, end: number): ResponseHead {
  let at = start + version.length;
  if (version.compare(bytes, start, at) !== 0) throw new MalformedMessage("the response is not HTTP/1.x");
  const minorVersion = bytes[at++]! - zero;
  const status = threeDigits(bytes, at + 1);
  if ((minorVersion !== 0 && minorVersion !== 1) || bytes[at] !== space || status < 100) {
    throw new MalformedMessage("the status line is malformed");
  }
  at += 4;
  if (bytes[at] !== space && bytes[at] !== carriageReturn)
    throw new MalformedMessage("the status line is malformed");
  at = lineEnd(bytes, at);
  const headersStart = at;
  let contentLength: string | undefined;
  let transferEncoding: string | undefined;
  let connection: string | undefined;
  while (at < end - 2) {
    const nameStart = at;
    while (mayBeName[bytes[at]!] === 1) at++;
    const length = at - nameStart;
    if (length === 0 || bytes[at] !== colon) throw new MalformedMessage("a line of the head is not a header");
    const valueStart = at + 1;
    at = lineEnd(bytes, valueStart);
    if (length !== 10 && length !== 14 && length !== 17) continue;
    const name = bytes.toString("latin1", nameStart, nameStart + length).toLowerCase();
    if (name !== "content-length" && name !== "transfer-encoding" && name !== "connection") continue;
    const text = bytes.toString("latin1", valueStart, at - 2).trim();
    const value = shared.get(text) ?? text;
    if (name === "content-length") contentLength = joined(contentLength, value);
    else if (name === "connection") connection = joined(connection, value);
    else transferEncoding = joined(transferEncoding, value);
  }
  return new ResponseHead(
    status,
    minorVersion,
    contentLength,
    transferEncoding,
    connection,
    bytes,
    headersStart,
    end - 4,
  );
}

/** Reads three digits. Returns -1 if there are none. */
function threeDigits(bytes: Buffer, at: number): number {
  let number = 0;
  for (let index = at; index < at + 3; index++) {
    const digit = bytes[index]! - zero;
    if (!(digit >= 0 && digit <= 9)) return -1;
    number = number * 10 + digit;
  }
  return number;
}
