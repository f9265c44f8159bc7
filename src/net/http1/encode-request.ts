import type { HttpTarget } from "./exchange.ts";
import { RequestText } from "./request-text.ts";

/** The headers of a request. Frozen ones are checked and written once, however many requests have them. */
export type RequestHeaders = Readonly<Record<string, string>>;

/** Bytes in several parts are sent one after the other, without a copy. */
export type RequestBody = string | Uint8Array | readonly Uint8Array[] | undefined;

const methodPattern = /^[A-Z]+$/;
const pathPattern = /^\/[\x21-\x7e]*$/;
const hostPattern = /^[0-9A-Za-z._-]+$|^\[?[0-9A-Fa-f:.]+\]?$/;
const namePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const valuePattern = /^[\t\x20-\x7e]*$/;
const ownNames =
  /^(?:host|proxy-authorization|connection|content-length|transfer-encoding|keep-alive|expect|upgrade|te|trailer)$/i;

type RequestEncoder = (
  target: HttpTarget,
  method: string,
  headers: RequestHeaders,
  body: RequestBody,
) => Buffer | RequestText;

/**
 * Returns a function that encodes a request, without a body that is in parts. It throws `TypeError` for a part that could
 * end a line early or contradict the framing. Lines that many requests have in common are checked and written once.
 */
export function requestEncoder(defaults: RequestHeaders): RequestEncoder {
  const firstLines = new WeakMap<HttpTarget, { method: string; lines: string }>();
  const frozen = new WeakMap<RequestHeaders, string>();
  return (target, method, headers, body) => {
    let first = firstLines.get(target);
    if (first?.method !== method) {
      first = { method, lines: firstLinesOf(target, method) };
      firstLines.set(target, first);
    }
    let lines = frozen.get(headers);
    if (lines === undefined) {
      lines = headerLines({ ...defaults, ...headers });
      if (Object.isFrozen(headers)) frozen.set(headers, lines);
    }
    return withBody(first.lines + lines, method, body);
  };
}

/** Returns the request line and the host. */
function firstLinesOf(target: HttpTarget, method: string): string {
  if (!methodPattern.test(method)) throw new TypeError("the method is not valid");
  if (!pathPattern.test(target.path)) throw new TypeError("the path is not valid");
  if (!hostPattern.test(target.hostname)) throw new TypeError("the hostname is not valid");
  const name = target.hostname.includes(":") ? `[${bare(target.hostname)}]` : target.hostname;
  const usual = target.port === (target.protocol === "https:" ? 443 : 80);
  const host = usual ? name : `${name}:${target.port}`;
  // A proxy gets the whole URL (RFC 9112 section 3.2.2), but for TLS, where it only passes bytes on.
  const proxy = target.protocol === "http:" ? target.proxy : undefined;
  const path = proxy ? `http://${host}${target.path}` : target.path;
  const login = proxy?.authorization === undefined ? "" : `proxy-authorization: ${proxy.authorization}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${login}`;
}

function headerLines(headers: RequestHeaders): string {
  let lines = "";
  for (const key in headers) {
    const value = headers[key]!;
    if (!namePattern.test(key) || ownNames.test(key))
      throw new TypeError(`the header name ${JSON.stringify(key)} is not allowed`);
    if (!valuePattern.test(value)) throw new TypeError(`the value of the header ${key} is not valid`);
    lines += `${key}: ${value}\r\n`;
  }
  return lines;
}

function withBody(head: string, method: string, body: RequestBody): Buffer | RequestText {
  if (typeof body === "string") {
    const whole = `${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n`;
    return RequestText.of(whole, body) ?? Buffer.from(whole + body);
  }
  if (body === undefined)
    return Buffer.from(
      method === "GET" || method === "HEAD" ? `${head}\r\n` : `${head}content-length: 0\r\n\r\n`,
    );
  const bytes = isParts(body) ? body : [body];
  const length = bytes.reduce((total, part) => total + part.length, 0);
  const first = Buffer.from(`${head}content-length: ${length}\r\n\r\n`);
  return isParts(body) ? first : Buffer.concat([first, body]);
}

export function isParts(body: RequestBody): body is readonly Uint8Array[] {
  return Array.isArray(body);
}

/** Returns a host without the brackets of an IPv6 address. */
export function bare(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}
