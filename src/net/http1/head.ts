/** The peer sent something that is not an HTTP/1.1 response, or stopped in the middle of one. */
export class MalformedResponse extends Error {
  override name = "MalformedResponse";
}

/** The checked head of a response. Headers become strings when they are read first. */
export class ResponseHead {
  #headers: Map<string, string> | undefined;

  constructor(
    readonly status: number,
    readonly minorVersion: number,
    /** The headers that decide the framing of the body. */
    readonly contentLength: string | undefined,
    readonly transferEncoding: string | undefined,
    readonly connection: string | undefined,
    private readonly bytes: Buffer,
    private readonly start: number,
    private readonly end: number,
  ) {}

  /** Names in lower case. A repeated header is joined by ", ", `set-cookie` too. */
  get headers(): ReadonlyMap<string, string> {
    this.#headers ??= parseHeaders(this.bytes.toString("latin1", this.start, this.end));
    return this.#headers;
  }
}

const carriageReturn = 13;
const lineFeed = 10;
const space = 32;
const colon = 58;
const zero = 48;
const version = Buffer.from("HTTP/1.");

/** The bytes that the name and the value of a header may have (RFC 9110 sections 5.5 and 5.6.2). */
const mayBeName = new Uint8Array(256);
const mayBeValue = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  mayBeName[byte] = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)) ? 1 : 0;
  mayBeValue[byte] = byte === 9 || (byte >= 32 && byte !== 127) ? 1 : 0;
}

/**
 * Reads the head in `bytes` from `start` to `end`, which is just after its empty line. This runs for every call, so it
 * makes one pass over the bytes and creates no strings for most headers.
 *
 * @throws MalformedResponse also for a folded header, a space before the colon and a bare CR or LF (RFC 9112 sections
 *   2.2, 5.1 and 5.2)
 */
export function readHead(bytes: Buffer, start: number, end: number): ResponseHead {
  let at = start + version.length;
  if (version.compare(bytes, start, at) !== 0) throw new MalformedResponse("the response is not HTTP/1.x");
  const minorVersion = bytes[at++]! - zero;
  const status = threeDigits(bytes, at + 1);
  if ((minorVersion !== 0 && minorVersion !== 1) || bytes[at] !== space || status < 100) {
    throw new MalformedResponse("the status line is malformed");
  }
  at += 4;
  if (bytes[at] !== space && bytes[at] !== carriageReturn)
    throw new MalformedResponse("the status line is malformed");
  at = lineEnd(bytes, at);
  const headersStart = at;
  let contentLength: string | undefined;
  let transferEncoding: string | undefined;
  let connection: string | undefined;
  while (at < end - 2) {
    const nameStart = at;
    while (mayBeName[bytes[at]!] === 1) at++;
    const length = at - nameStart;
    if (length === 0 || bytes[at] !== colon)
      throw new MalformedResponse("a line of the head is not a header");
    const valueStart = at + 1;
    at = lineEnd(bytes, valueStart);
    if (length !== 10 && length !== 14 && length !== 17) continue;
    const name = bytes.toString("latin1", nameStart, nameStart + length).toLowerCase();
    if (name !== "content-length" && name !== "transfer-encoding" && name !== "connection") continue;
    const value = bytes.toString("latin1", valueStart, at - 2).trim();
    if (name === "content-length") contentLength = join(contentLength, value);
    else if (name === "connection") connection = join(connection, value);
    else transferEncoding = join(transferEncoding, value);
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

/** Skips the bytes of a value. Returns the start of the next line. */
function lineEnd(bytes: Buffer, from: number): number {
  let at = from;
  while (mayBeValue[bytes[at]!] === 1) at++;
  if (bytes[at] !== carriageReturn || bytes[at + 1] !== lineFeed) {
    throw new MalformedResponse("the head has a byte that is not allowed there");
  }
  return at + 2;
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

function parseHeaders(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  if (text === "") return headers;
  for (const line of text.split("\r\n")) {
    const end = line.indexOf(":");
    const name = line.slice(0, end).toLowerCase();
    headers.set(name, join(headers.get(name), line.slice(end + 1).trim()));
  }
  return headers;
}

function join(earlier: string | undefined, value: string): string {
  return earlier === undefined ? value : `${earlier}, ${value}`;
}
