import type { Part, Place } from "./cut.ts";
import { headingAt, maxHeading } from "./text-outline.ts";

/** The most characters of a key or heading in a label. */
const maxName = 50;

/**
 * Returns the place of a part in the texts: `.users[30:60]` as jq writes it, `Install, lines 120-240`, `texts 3-7`. Empty
 * if the part has no structure.
 */
export function labelOf({ pieces, from, to }: Part, texts: readonly string[]): string {
  const { text: index, start } = pieces[0]!;
  const last = pieces.at(-1)!.text;
  if (last > index) return `texts ${index + 1}-${last + 1}`;
  const text = texts[index]!;
  const known = from ?? to;
  if (!known) return texts.length > 1 ? `text ${index + 1}` : "";
  if (known.isJson) return from ? jsonLabel(text, from, to) : start === 0 ? firstItems(to!) : "";
  return [headingOf(text, start, from), linesOf(start, from, to)].filter((one) => one !== "").join(", ");
}

function linesOf(start: number, from: Place | undefined, to: Place | undefined): string {
  const first = from ? from.outline.ordinals[from.index]! + 1 : start === 0 ? 1 : undefined;
  if (first === undefined) return "";
  return to ? `lines ${first}-${to.outline.ordinals[to.index]!}` : `from line ${first}`;
}

/** Returns the heading that a part begins with or continues; empty if there is none. */
function headingOf(text: string, start: number, from: Place | undefined): string {
  if (headingAt(text, start) > 0) return headingAtLine(text, start);
  if (!from) return "";
  const { ranks, offsets } = from.outline;
  for (let at = from.index; at >= 0; at--)
    if (ranks[at]! <= maxHeading) return headingAtLine(text, offsets[at]!);
  return "";
}

function headingAtLine(text: string, offset: number): string {
  const [line = ""] = text.slice(offset, offset + 4 * maxName).split("\n");
  return shortName(line.replace(/^#+\s*/, ""));
}

/** Returns the label of a part at the beginning of JSON. */
function firstItems({ outline, index }: Place): string {
  const isList = outline.ranks[index] === 1 && !outline.keyed[index];
  return isList ? `.[0:${outline.ordinals[index]}]` : "";
}

function jsonLabel(text: string, from: Place, to: Place | undefined): string {
  const { outline, index } = from;
  const { ranks, ordinals, keyed } = outline;
  const rank = ranks[index]!;
  let path = "";
  let wanted = rank - 1;
  for (let at = index; at >= 0 && wanted > 0; at--) {
    if (ranks[at] !== wanted) continue;
    path = `${stepTo(text, from.outline, at)}${path}`;
    wanted--;
  }
  if (keyed[index]) return `${path}${stepTo(text, outline, index)}`;
  const end = to && to.outline === outline && ranks[to.index] === rank ? ordinals[to.index]! : "";
  return `${path === "" ? "." : path}[${ordinals[index]!}:${end}]`;
}

/** Returns the step of a path to a block: `.users` or `[3]`. */
function stepTo(text: string, { keyed, offsets, ordinals }: Place["outline"], at: number): string {
  if (!keyed[at]) return `[${ordinals[at]}]`;
  const key = /^\s*"((?:[^"\\]|\\.)*)/.exec(text.slice(offsets[at]!, offsets[at]! + 4 * maxName));
  return `.${shortName(key?.[1] ?? "")}`;
}

/** Returns a name out of a text as a short line. Texts are somebody else's (T211). */
export function shortName(name: string, most = maxName): string {
  const line = name
    .replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
  return [...line].length > most ? `${[...line].slice(0, most - 1).join("")}…` : line;
}
