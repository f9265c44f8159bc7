import { STATUS_CODES } from "node:http";

/** A date of a response is written once a second. */
let dateLine = "";
let dateSecond = -1;

function date(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateLine = `date: ${new Date(second * 1000).toUTCString()}\r\n`;
  }
  return dateLine;
}

/** Returns the first line of a response, with its date. */
export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}\r\n${date()}`;
}

/** Returns a whole response without a body, which ends the connection. */
export function closingResponse(status: number): Buffer {
  return Buffer.from(`${statusLine(status)}content-length: 0\r\nconnection: close\r\n\r\n`, "latin1");
}

/** Returns true for a status whose response never has a body (RFC 9110 section 6.4.1). */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 304 || status < 200;
}
