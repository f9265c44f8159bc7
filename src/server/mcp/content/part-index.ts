import { shortName } from "./cut/labels.ts";
import { sizeBetween } from "./cut/written-size.ts";
import type { CutResult, KeptResult } from "./kept-results.ts";
import { sizeText } from "./size-text.ts";

/** A line of an index: one part, or neighbouring ones. Numbers from 1. */
export interface IndexEntry {
  from: number;
  to: number;
}

/** The most lines of an index. A longer one has ranges, each with an index of its own. */
const maxEntries = 16;

/** The bytes that an index may take. */
const indexBytes = 1700;
const summaryBytes = 7000;

/** The most characters of a title and of a summary. */
export const titleLength = 60;
export const summaryLength = 240;

/** The most characters of the place of a part. */
const labelLength = 60;

/** Returns the lines of an index of some parts. */
export function entriesOf(from: number, to: number, most = maxEntries): IndexEntry[] {
  const size = Math.ceil((to - from + 1) / most);
  const entries: IndexEntry[] = [];
  for (let begin = from; begin <= to; begin += size)
    entries.push({ from: begin, to: Math.min(to, begin + size - 1) });
  return entries;
}

/** Returns an index of some parts as text, with fewer lines where they are too long. */
export function indexText(result: CutResult, from: number, to: number): string {
  for (let most = maxEntries; ; most = Math.ceil(most / 2)) {
    const lines = entriesOf(from, to, most).map((entry) => lineOf(result, entry));
    const text = lines.join("\n");
    if (most === 1 || sizeBetween(text, 0, text.length) <= (result.hasSummaries ? summaryBytes : indexBytes))
      return text;
  }
}

function lineOf(result: CutResult, { from, to }: IndexEntry): string {
  const { parts, titles, word } = result;
  const [first] = word;
  const name = `${first!.toUpperCase()}${word.slice(1)}`;
  const label = shortName(parts[from - 1]!.label, labelLength);
  const size = sizeText(parts.slice(from - 1, to).reduce((sum, part) => sum + part.size, 0));
  if (to > from)
    return `${from}-${to}. ${name}s ${from}-${to}${label === "" ? "" : `, from ${label}`} (${size})`;
  const title = titles[from - 1] ?? `${name} ${from}`;
  return `${from}. ${title}${label === "" ? "" : ` | ${label}`} (${size})`;
}

/** Returns a summary of a part by a plain rule: its beginning. */
export function plainSummary(result: CutResult, part: number): string {
  return shortName(beginningOf(result, part, 4 * summaryLength), summaryLength);
}

/** Returns the first characters of a part. */
export function beginningOf({ texts, parts }: CutResult, part: number, length: number): string {
  let text = "";
  for (const { text: index, start, end } of parts[part - 1]!.pieces) {
    if (text.length >= length) break;
    text += `${texts[index]!.slice(start, Math.min(end, start + length))}\n`;
  }
  return text.slice(0, length);
}

/** Says how a client reads a part. */
export type AskFor = (part: number | string) => string;

/** Returns the text about a result that was cut, for the answer with its beginning. */
export function firstNotice(kept: KeptResult, askFor: AskFor, notes: readonly string[]): string {
  const { parts, word, hasSummaries } = kept;
  const total = parts.length;
  const size = sizeText(parts.reduce((sum, part) => sum + part.size, 0));
  const shown = hasSummaries
    ? `Below are summaries of them. To read one, ${askFor(1)}.`
    : `Above is ${word} 1. For the next, ${askFor(2)}.`;
  return [
    `[mcpctl cut this result of ${size} into ${total} ${word}s. ${shown} All are kept for 30 minutes.`,
    ...notes,
    indexText(kept, 1, total),
    ...rangeHint(1, total, askFor),
  ]
    .join("\n")
    .concat("]");
}

/** Returns the index of some parts, for a client that asks for it. */
export function rangeNotice(kept: KeptResult, from: number, to: number, askFor: AskFor): string {
  const { parts, word } = kept;
  return [
    `[${word}s ${from} to ${to} of ${parts.length}. To read one, ${askFor(from)}.`,
    indexText(kept, from, to),
    ...rangeHint(from, to, askFor),
  ]
    .join("\n")
    .concat("]");
}

function rangeHint(from: number, to: number, askFor: AskFor): string[] {
  if (to - from < maxEntries) return [];
  const [, second] = entriesOf(from, to);
  return [`For what is in a range, ${askFor(`${second!.from}-${second!.to}`)}.`];
}

/** Returns the text behind a part. */
export function partNotice({ parts, word }: KeptResult, part: number, askFor: AskFor): string {
  const next = part < parts.length ? `For the next, ${askFor(part + 1)}.` : `It is the last ${word}.`;
  return `[${word} ${part} of ${parts.length}. ${next}]`;
}
