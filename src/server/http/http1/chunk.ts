/** The chunk that ends a body. */
export const lastChunk = Buffer.from("0\r\n\r\n");

/**
 * Returns bytes as a chunk (RFC 9112 section 7.1).
 *
 * @param isLast true to end the body with it
 */
export function chunk(bytes: Uint8Array, isLast = false): Buffer {
  const size = bytes.length.toString(16);
  const end = isLast ? lastChunk.length : 0;
  const whole = Buffer.allocUnsafe(size.length + bytes.length + 4 + end);
  whole.write(`${size}\r\n`, 0, "latin1");
  whole.set(bytes, size.length + 2);
  whole.write("\r\n", size.length + 2 + bytes.length, "latin1");
  if (isLast) whole.set(lastChunk, size.length + bytes.length + 4);
  return whole;
}
