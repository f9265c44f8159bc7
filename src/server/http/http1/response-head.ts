import { STATUS_CODES } from "node:http";

/** The first lines of this second's responses, by their status: each is written once a second. */
const lines = new Map<number, string>();
let secondOfLines = -1;

/** Returns the first line of a response, with its date. */
export function statusLine(status: number): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== secondOfLines) {
    secondOfLines = second;
    lines.clear();
  }
  let line = lines.get(status);
  if (line === undefined) {
    const date = new Date(second * 1000).toUTCString();
    line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}\r\ndate: ${date}\r\n`;
    lines.set(status, line);
  }
  return line;
}

/** Returns a whole response without a body, which ends the connection. */
export function closingResponse(status: number): Buffer {
  return Buffer.from(`${statusLine(status)}content-length: 0\r\nconnection: close\r\n\r\n`, "latin1");
}

/** Returns true for a status whose response never has a body (RFC 9110 section 6.4.1). */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 304 || status < 200;
}
