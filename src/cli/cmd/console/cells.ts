import { escapeBlock } from "../../../wire/text.ts";

/** A style of a part of a line. */
export type SpanStyle = "bold" | "dim" | "inverse" | "red" | "green" | "yellow" | "cyan";

/** A part of a line, in one style. Its text is made by the functions of this file, so that a terminal may show it. */
export interface StyledSpan {
  text: string;
  style?: SpanStyle;
}

export type ViewLine = readonly StyledSpan[];

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** The most code points of one character: a base and its marks. More marks would be drawn over other lines. */
const maxMarks = 3;

// Terminals disagree about the width of characters that these join or change, so they are left out.
const joiners = /\u200c|\u200d|[\ufe00-\ufe0f]|[\u{1f3fb}-\u{1f3ff}]/gu;
// Nor do they agree about marks beyond the first plane, such as the stems of notes.
const rareMarks = /(?=\p{M})[\u{10000}-\u{10ffff}]/gu;
const regionalIndicator = /[\u{1f1e6}-\u{1f1ff}]/gu;
const letterA = 0x41;
const indicatorA = 0x1f1e6;
const tab = "  ";
/** Characters that take one column each. */
const oneColumnEach = /^[\x20-\x7e]*$/;

/**
 * Returns a text of somebody else as a terminal may show it: nothing in it moves the cursor, changes colours, turns the
 * direction of writing or hides something, and every terminal gives it the same width (T42, T223). Line breaks stay.
 */
export function plainBlock(text: string): string {
  const joined = text
    .normalize("NFC")
    .replace(joiners, "")
    .replace(rareMarks, "")
    .replace(regionalIndicator, (letter) =>
      String.fromCharCode(letterA + letter.codePointAt(0)! - indicatorA),
    );
  const safe = escapeBlock(joined).replaceAll("\t", tab);
  return /\p{M}/u.test(safe) ? withFewMarks(safe) : safe;
}

/** Does the same for one line: line breaks become spaces. */
export function plainLine(text: string): string {
  return plainBlock(text).replaceAll("\n", " ");
}

function withFewMarks(text: string): string {
  let result = "";
  for (const { segment } of graphemes.segment(text)) result += [...segment].slice(0, maxMarks).join("");
  return result;
}

/** Returns the columns that a plain text takes. */
export function widthOf(text: string): number {
  return Bun.stringWidth(text);
}

/** Returns a plain line in exactly `width` columns: cut with `…`, or filled with spaces. */
export function fitted(text: string, width: number): string {
  const short = cutTo(text, width);
  return short + " ".repeat(Math.max(0, width - widthOf(short)));
}

/** Returns a plain line in `width` columns at most. */
export function cutTo(text: string, width: number): string {
  if (width <= 0) return "";
  if (text.length <= width && oneColumnEach.test(text)) return text;
  if (text.length <= 4 * width && widthOf(text) <= width) return text;
  let result = "";
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const wide = widthOf(segment);
    if (used + wide > width - 1) break;
    result += segment;
    used += wide;
  }
  return `${result}…`;
}

/** Returns a plain text as lines of `width` columns at most, broken at spaces where there are some. */
export function wrapped(text: string, width: number): string[] {
  return text.split("\n").flatMap((line) => wrappedLine(line, Math.max(1, width)));
}

function wrappedLine(line: string, width: number): string[] {
  if (oneColumnEach.test(line)) return wrappedLetters(line, width);
  const lines: string[] = [];
  let current = "";
  let used = 0;
  /** The place after the last space of `current`. */
  let space = 0;
  for (const { segment } of graphemes.segment(line)) {
    const wide = widthOf(segment);
    if (used + wide > width) {
      const at = space > width / 2 ? space : current.length;
      lines.push(current.slice(0, at).trimEnd());
      current = current.slice(at);
      used = widthOf(current);
      space = 0;
    }
    current += segment;
    used += wide;
    if (segment === " ") space = current.length;
  }
  return [...lines, current];
}

function wrappedLetters(line: string, width: number): string[] {
  const lines: string[] = [];
  let from = 0;
  while (line.length - from > width) {
    const space = line.lastIndexOf(" ", from + width) + 1;
    const to = space - from > width / 2 ? space : from + width;
    lines.push(line.slice(from, to).trimEnd());
    from = to;
  }
  return [...lines, line.slice(from)];
}

/** Returns a value as plain lines of JSON. */
export function jsonBlock(value: unknown): string {
  return plainBlock(JSON.stringify(value, null, 2) ?? "");
}
