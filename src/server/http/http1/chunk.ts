import type { CallerConnection } from "./server-exchange.ts";

/** The chunk that ends a body. */
export const lastChunk = Buffer.from("0\r\n\r\n");

const digits = Buffer.from("0123456789abcdef");
/** The most bytes of what is sent around the bytes of a chunk, besides the head. */
const framing = 8 + 2 + 2 + lastChunk.length;

/** Small chunks are put together here, one after the other: a buffer for each would cost more than the copy. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * Sends bytes as a chunk (RFC 9112 section 7.1).
 *
 * @param bytes at least one
 * @param isLast true to end the body with it
 * @param head the head of the message, to be sent before it
 */
export function sendChunk(
  connection: Pick<CallerConnection, "write">,
  bytes: Uint8Array,
  isLast = false,
  head?: Uint8Array,
): void {
  const most = (head?.length ?? 0) + bytes.length + framing;
  const message = most > shared.length ? Buffer.allocUnsafe(most) : shared;
  let at = 0;
  if (head) {
    message.set(head);
    at = head.length;
  }
  at = putSize(message, at, bytes.length);
  message.set(bytes, at);
  at += bytes.length;
  message[at++] = 13;
  message[at++] = 10;
  if (isLast) {
    message.set(lastChunk, at);
    at += lastChunk.length;
  }
  if (message === shared) connection.write(message, at);
  else connection.write(message.subarray(0, at));
}

/** Puts the line with the size of a chunk. Returns the index after it. */
function putSize(message: Buffer, from: number, size: number): number {
  let at = from;
  for (let shift = 28 - (Math.clz32(size) & ~3); shift >= 0; shift -= 4)
    message[at++] = digits[(size >>> shift) & 15]!;
  message[at++] = 13;
  message[at++] = 10;
  return at;
}
