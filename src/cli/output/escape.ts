// Control characters, C1 included, line and paragraph separators, and those that turn the direction of writing.
const unsafe = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/gu;
const unsafeButBreaks = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069\ufeff]/gu;
const named: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\u001b": "\\e" };

/** Text for one line of a terminal: what would move the cursor, recolour or fake a line shows as an escape (T42). */
export function escapeLine(text: string): string {
  return text.replace(unsafe, visible);
}

/** The same for text that may have lines of its own. */
export function escapeBlock(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(unsafeButBreaks, visible);
}

function visible(character: string): string {
  return named[character] ?? `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`;
}
