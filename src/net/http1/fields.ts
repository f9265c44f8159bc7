import { MalformedMessage } from "./malformed-message.ts";

const carriageReturn = 13;
const lineFeed = 10;

/** 1 for the bytes that the name of a header may have (RFC 9110 section 5.6.2). */
export const mayBeName = new Uint8Array(256);
/** 1 for the bytes that the value of a header may have (RFC 9110 section 5.5). */
export const mayBeValue = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  mayBeName[byte] = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)) ? 1 : 0;
  mayBeValue[byte] = byte === 9 || (byte >= 32 && byte !== 127) ? 1 : 0;
}

/** The end of a head: an empty line. */
export const headEnd = Buffer.from("\r\n\r\n");

/** Skips the bytes of a value. Returns the start of the next line. Throws MalformedMessage. */
export function lineEnd(bytes: Buffer, from: number): number {
  let at = from;
  while (mayBeValue[bytes[at]!] === 1) at++;
  if (bytes[at] !== carriageReturn || bytes[at + 1] !== lineFeed) {
    throw new MalformedMessage("the head has a byte that is not allowed there");
  }
  return at + 2;
}

/** Returns the headers in checked lines. Names are in lower case, and a repeated header is joined by ", ". */
export function parseHeaders(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  // Every call has other heads, of twenty lines and more: patterns and lists of lines take four times as long.
  for (let at = 0; at < text.length; ) {
    const colon = text.indexOf(":", at);
    const found = text.indexOf("\r\n", colon);
    const end = found < 0 ? text.length : found;
    const name = text.slice(at, colon).toLowerCase();
    headers.set(name, joined(headers.get(name), trimmed(text, colon + 1, end)));
    at = end + 2;
  }
  return headers;
}

/** Returns the value in a part of a text, without the spaces and tabs around it. A space beyond ASCII is a part of it. */
export function trimmed(text: string, start = 0, end = text.length): string {
  let [from, to] = [start, end];
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (from < to && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

/** Returns the value of a header that may be repeated. */
export function joined(earlier: string | undefined, value: string): string {
  return earlier === undefined ? value : `${earlier}, ${value}`;
}

/** Returns true if the connection can be used again, by the header `connection` and the version. */
export function wantsKeepAlive(connection: string | undefined, minorVersion: number): boolean {
  if (connection === undefined) return minorVersion === 1;
  const options = connectionOptions(connection);
  return !options.includes("close") && (minorVersion === 1 || options.includes("keep-alive"));
}

/** Returns the options of a header `connection`, in lower case. */
export function connectionOptions(connection: string): string[] {
  return connection
    .toLowerCase()
    .split(",")
    .map((option) => option.trim());
}
