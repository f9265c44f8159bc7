/** Returns the beginning of a text that has at most so many bytes. No character is cut apart. */
export function cutText(text: string, bytes: number): string {
  const all = Buffer.from(text);
  return all.length <= bytes ? text : all.subarray(0, startOfCharacter(all, bytes)).toString();
}

/** Returns a part of a text: at most so many bytes from an offset in bytes on, and the offset of the rest if there is one. */
export function sliceText(text: string, from: number, bytes: number): { text: string; next?: number } {
  const all = Buffer.from(text);
  const start = startOfCharacter(all, Math.min(from, all.length));
  const end = start + bytes >= all.length ? all.length : startOfCharacter(all, start + bytes);
  return { text: all.subarray(start, end).toString(), ...(end < all.length && { next: end }) };
}

/** Returns the index of the first byte of the character that a byte belongs to. */
function startOfCharacter(bytes: Buffer, index: number): number {
  let at = index;
  while (at > 0 && at < bytes.length && (bytes[at]! & 0xc0) === 0x80) at--;
  return at;
}
