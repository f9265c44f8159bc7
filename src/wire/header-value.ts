/** Characters that are not seen, by their names: these come along when a key is copied from a page or a chat. */
const invisible: Readonly<Record<string, string>> = {
  "\t": "a tab",
  "\n": "a line break",
  "\r": "a line break",
  "\0": "a NUL",
  " ": "a space",
  "\u00a0": "a no-break space",
  "\u00ad": "a soft hyphen",
  "\u200b": "a zero-width space",
  "\u200c": "a zero-width character",
  "\u200d": "a zero-width character",
  "\u2060": "a zero-width character",
  "\ufeff": "a byte order mark",
};

/**
 * Finds what keeps a key or token from being sent in a header: a character that is not printable ASCII, or a space at an
 * end, which the receiver would cut off (RFC 9110 section 5.5).
 *
 * @returns a clause that names the place and the kind of character, and repeats nothing of a visible one; undefined if the
 *   value can be sent
 */
export function headerFault(value: string): string | undefined {
  const at = value.search(/[^\x20-\x7e]|^ | $/);
  if (at === -1) return undefined;
  const character = value[at]!;
  const code = value.codePointAt(at)!;
  const isControl = code < 32 || (code >= 127 && code < 160);
  const name = invisible[character] ?? (isControl ? "a control character" : "a character that is not ASCII");
  return `character ${at + 1} of ${value.length} is ${name}, which cannot be sent in a header`;
}
