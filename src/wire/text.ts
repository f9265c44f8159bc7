/**
 * Returns a text as one line: control characters, invisible format characters and white space become single spaces,
 * so that a foreign text cannot move the cursor or begin a line of its own (T42).
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

/**
 * Returns a value as JSON with a line end. DEL and the C1 controls, which JSON lets through and which move a terminal's
 * cursor, are escaped too (T42).
 *
 * @param indent spaces for each level; 0 for one line
 */
export function jsonText(value: unknown, indent = 2): string {
  const text = JSON.stringify(value, null, indent);
  return `${text.replace(/[\u007f-\u009f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)}\n`;
}
