/** A head that was read, with the bytes that it was read from. They are its own, and never change. */
interface ReadHead {
  readonly bytes: Buffer;
}

/**
 * Reads the head in `bytes` from `start` to `end`. Returns the last one of the connection if it is the same: most are,
 * and need not be read again.
 *
 * @param read reads a head in bytes that do not change later. What it throws is thrown
 */
export function headIn<H extends ReadHead>(
  bytes: Buffer,
  start: number,
  end: number,
  last: H | undefined,
  read: (bytes: Buffer, start: number, end: number) => H,
): H {
  if (last?.bytes.length === end - start && last.bytes.compare(bytes, start, end) === 0) return last;
  // The bytes of a socket are a part of a larger block. A view of them would cost more than the copy.
  const own = Buffer.allocUnsafe(end - start);
  bytes.copy(own, 0, start, end);
  return read(own, 0, own.length);
}
