import {
  connectionOptions,
  joined,
  lineEnd,
  mayBeName,
  trimmed,
  wantsKeepAlive,
} from "../../../net/http1/fields.ts";
import { type HeaderFields, HeaderLines } from "../../../net/http1/header-lines.ts";
import type { ReadHeaders } from "../../../wire/incoming-request.ts";

/** The largest number of bytes of a request line and its headers. */
export const requestHeadLimit = 16 * 1024;

/** A request that is refused before anybody handles it. Its connection is closed. */
export class BadRequest extends Error {
  override name = "BadRequest";
  constructor(
    readonly status: 400 | 408 | 431 | 501 | 503 | 505,
    message: string,
  ) {
    super(message);
  }
}

const space = 32;
const colon = 58;
const version = Buffer.from("HTTP/1.");
const headEnd = Buffer.from("\r\n\r\n");
const decimal = /^\d{1,16}$/;
/** A target in the absolute form, which clients send to proxies. */
const absolute = /^https?:\/\/([^/?#@]*)([/?].*)?$/i;

/** 1 for the bytes that a target may have: printable ones, but for those that no URL has (RFC 9112 section 3.2). */
const mayBeTarget = new Uint8Array(256);
for (let byte = 33; byte < 127; byte++) mayBeTarget[byte] = byte === 35 ? 0 : 1;

/** The checked head of a request. Headers become strings when they are read first. */
export class RequestHead implements ReadHeaders {
  /** Path and query. */
  target = "/";
  minorVersion = 1;
  host: string | undefined;
  /** The length of the body; undefined where none is stated. */
  contentLength: number | undefined;
  isChunked = false;
  keepAlive = true;
  /** The caller waits for a word before it sends the body. */
  expectsContinue = false;
  /** The caller asks for a WebSocket on this connection. */
  isUpgrade = false;
  #headers: HeaderLines | undefined;
  readonly #start: number;
  readonly #end: number;

  /** @param bytes have the headers from `start` to `end` */
  constructor(
    readonly method: string,
    readonly bytes: Buffer,
    start: number,
    end: number,
  ) {
    this.#start = start;
    this.#end = end;
  }

  /** The head as it can be sent again. */
  get whole(): Buffer {
    const line = Buffer.from(`${this.method} ${this.target} HTTP/1.${this.minorVersion}\r\n`, "latin1");
    return Buffer.concat([line, this.bytes.subarray(this.#start, this.#end), headEnd]);
  }

  /** Names in lower case. A repeated header is joined by ", ". */
  get headers(): HeaderFields {
    this.#headers ??= new HeaderLines(this.bytes.toString("latin1", this.#start, this.#end));
    return this.#headers;
  }

  get(name: string): string | null {
    return this.headers.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.headers.has(name.toLowerCase());
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.headers[Symbol.iterator]() as IterableIterator<[string, string]>;
  }

  /** Frees the strings of the headers. They are made anew if they are asked for again. */
  forgetHeaders(): void {
    this.#headers = undefined;
  }
}

/** Returns a function that returns the text of its last call for an equal one: most connections have equal heads. */
function sharing(): <T extends string | undefined>(text: T) => T {
  let last: string | undefined;
  return (text) => {
    if (text !== last) last = text;
    return last as typeof text;
  };
}

const sharedMethod = sharing();
const sharedTarget = sharing();
const sharedHost = sharing();

/** The headers that decide about the framing and the connection, by the length of their names. */
const framing: Readonly<Record<number, readonly string[]>> = {
  4: ["host"],
  6: ["expect"],
  7: ["upgrade"],
  10: ["connection"],
  14: ["content-length"],
  17: ["transfer-encoding"],
};

/**
 * Reads the head in `bytes`, which must not change later, from `start` to `end`, which is just after its empty line.
 *
 * @throws BadRequest for everything that another reader could understand in another way (RFC 9112 sections 2.2, 3, 5 and
 *   6): a bare CR or LF, a folded header, a space before a colon, two lengths, a length and chunks, a coding besides
 *   chunks, several hosts or none (T306)
 */
export function readRequestHead(bytes: Buffer, start: number, end: number): RequestHead {
  let at = start;
  while (mayBeName[bytes[at]!] === 1) at++;
  if (at === start || bytes[at] !== space) throw malformed("the request line is malformed");
  const method = sharedMethod(bytes.toString("latin1", start, at));
  const targetStart = ++at;
  while (mayBeTarget[bytes[at]!] === 1) at++;
  if (at === targetStart || bytes[at] !== space) throw malformed("the request line is malformed");
  const target = bytes.toString("latin1", targetStart, at);
  const versionStart = ++at;
  at += version.length;
  if (version.compare(bytes, versionStart, at) !== 0) throw notHttp1(bytes, versionStart);
  const minorVersion = bytes[at]! - 48;
  if (bytes[at + 1] !== 13 || bytes[at + 2] !== 10) throw notHttp1(bytes, versionStart);
  if (minorVersion !== 0 && minorVersion !== 1) throw new BadRequest(505, "the version is not 1.0 or 1.1");
  at += 3;
  const headersStart = at;
  const found: Record<string, string | undefined> = {};
  try {
    while (at < end - 2) {
      const nameStart = at;
      while (mayBeName[bytes[at]!] === 1) at++;
      const length = at - nameStart;
      if (length === 0 || bytes[at] !== colon) throw malformed("a line of the head is not a header");
      const valueStart = at + 1;
      at = lineEnd(bytes, valueStart);
      const names = framing[length];
      if (names === undefined) continue;
      const name = bytes.toString("latin1", nameStart, nameStart + length).toLowerCase();
      if (!names.includes(name)) continue;
      const value = trimmed(bytes.toString("latin1", valueStart, at - 2));
      const isRepeated = found[name] !== undefined;
      if (isRepeated && name !== "connection" && name !== "upgrade" && name !== "expect")
        throw malformed(`the header ${name} is there twice`);
      found[name] = joined(found[name], value);
    }
  } catch (error) {
    throw error instanceof BadRequest ? error : malformed("the head has a byte that is not allowed there");
  }
  const head = new RequestHead(method, bytes, headersStart, Math.max(headersStart, end - 4));
  head.minorVersion = minorVersion;
  head.host = sharedHost(found["host"]);
  if (minorVersion === 1 && head.host === undefined) throw malformed("the header host is missing");
  head.target = sharedTarget(targetOf(target, head.host));
  setFraming(head, found);
  return head;
}

function setFraming(head: RequestHead, found: Readonly<Record<string, string | undefined>>): void {
  const { "content-length": length, "transfer-encoding": coding, connection, upgrade, expect } = found;
  if (length !== undefined) {
    head.contentLength = decimal.test(length) ? Number(length) : Number.NaN;
    if (!Number.isSafeInteger(head.contentLength))
      throw malformed("the header content-length must be one number");
  }
  if (coding !== undefined) {
    if (length !== undefined || head.minorVersion === 0) throw malformed("the body has two lengths");
    if (coding.toLowerCase() !== "chunked") throw new BadRequest(501, "only chunked bodies are understood");
    head.isChunked = true;
  }
  // A client of version 1.0 may not know that a connection can be kept.
  head.keepAlive = head.minorVersion === 1 && wantsKeepAlive(connection, head.minorVersion);
  head.expectsContinue = head.minorVersion === 1 && expect?.toLowerCase() === "100-continue";
  head.isUpgrade =
    head.minorVersion === 1 &&
    upgrade?.toLowerCase() === "websocket" &&
    connection !== undefined &&
    connectionOptions(connection).includes("upgrade");
}

/** Returns the path and query of a target. Throws BadRequest. */
function targetOf(target: string, host: string | undefined): string {
  if (target.startsWith("/")) return target;
  const [, authority, path] = absolute.exec(target) ?? [];
  if (authority === undefined || authority.toLowerCase() !== host?.toLowerCase())
    throw malformed("the target is not a path");
  if (path === undefined) return "/";
  return path.startsWith("/") ? path : `/${path}`;
}

function notHttp1(bytes: Buffer, at: number): BadRequest {
  const isOther = /^HTTP\/\d(?:\.\d)?\r\n/.test(bytes.toString("latin1", at, at + 10));
  return isOther
    ? new BadRequest(505, "the version is not 1.0 or 1.1")
    : malformed("the request line is malformed");
}

function malformed(message: string): BadRequest {
  return new BadRequest(400, message);
}
