/** True if bytes end with an empty line. A comment can follow then. */
export function endsFrame(bytes: Uint8Array): boolean {
  const { length } = bytes;
  if (bytes[length - 1] !== 10) return false;
  return bytes[length - 2] === 10 || (bytes[length - 2] === 13 && bytes[length - 3] === 10);
}

/**
 * True if all lines of a part of an event stream are comments or empty. Looks at the bytes themselves: a flood of comments
 * has so many lines that a text for each of them would hold the event loop (T63).
 */
export function areComments(bytes: Uint8Array): boolean {
  if (bytes[0] !== 58) return false;
  for (let at = 1; at < bytes.length; at++)
    if (isLineEnd(bytes[at - 1]) && bytes[at] !== 58 && !isLineEnd(bytes[at])) return false;
  return true;
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === 10 || byte === 13;
}
