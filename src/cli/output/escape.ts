// Control characters (C1 too), line and paragraph separators, and characters that change the direction of writing.
const unsafe = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/gu;
const unsafeButBreaks = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069\ufeff]/gu;
const named: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\u001b": "\\e" };

/** Escapes text for one line of a terminal: nothing in it can move the cursor, change colours or fake a line (T42). */
export function escapeLine(text: string): string {
  return text.replace(unsafe, visible);
}

/** Escapes text of several lines; line breaks and tabs stay. */
export function escapeBlock(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(unsafeButBreaks, visible);
}

function visible(character: string): string {
  return named[character] ?? `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`;
}
