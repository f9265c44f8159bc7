/**
 * Returns a text as one line: control characters, invisible format characters and white space become single spaces,
 * so that text of somebody else's cannot move a cursor or begin a line of its own (T42).
 *
 * @param longest The most characters of the result.
 */
export function oneLine(text: string, longest: number): string {
  return text
    .slice(0, 4 * longest)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .trim()
    .slice(0, longest);
}
