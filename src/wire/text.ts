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

/** A text without the byte order mark that some editors write at its begin. */
export function withoutByteOrderMark(text: string): string {
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

// A joiner stays inside an emoji, and inside words of the scripts that are written with it (Arabic to Mongolian).
const joiner =
  "(?<=[\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\ufe0f])\\u200d(?=\\p{Extended_Pictographic})" +
  "|(?<=[\\u0620-\\u1aff])[\\u200c\\u200d](?=[\\u0620-\\u1aff])";
// Control characters (C1 too), line and paragraph separators, and what has no form of its own: marks that change the
// direction of writing, spaces without width, tags, half characters. Line breaks and tabs are not among them.
const hidden = "[^\\P{Cc}\\n\\t]|[\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}]";
const anyHidden = new RegExp(hidden, "u");
const hiddenOrJoiner = new RegExp(`${joiner}|(${hidden})`, "gu");

/** Replaces each character that a terminal does not show as itself but obeys, or does not show at all (T42). */
export function replaceHidden(text: string, replacement: (character: string) => string): string {
  if (!anyHidden.test(text)) return text;
  return text.replace(hiddenOrJoiner, (found, character?: string) =>
    character === undefined ? found : replacement(character),
  );
}

/** Escapes text for one line of a terminal: nothing in it can move the cursor, change colours or fake a line (T42). */
export function escapeLine(text: string): string {
  return replaceHidden(text, visible).replace(/[\n\t]/g, visible);
}

/** Escapes text of several lines; line breaks and tabs stay. */
export function escapeBlock(text: string): string {
  return replaceHidden(text.replaceAll("\r\n", "\n"), visible);
}

const named: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\u001b": "\\e" };

function visible(character: string): string {
  return named[character] ?? jsonEscape(character);
}

/** `\u202e`; two escapes for a character beyond U+FFFF. */
function jsonEscape(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}

/**
 * Returns a value as JSON with a line end. Characters that JSON lets through and that a terminal obeys are escaped too
 * (T42), which does not change the value.
 *
 * @param indent spaces for each level; 0 for one line
 */
export function jsonText(value: unknown, indent = 2): string {
  return `${replaceHidden(JSON.stringify(value, null, indent), jsonEscape)}\n`;
}
