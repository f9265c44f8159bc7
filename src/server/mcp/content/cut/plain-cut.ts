import { isBetweenPairs, sizeAt } from "./written-size.ts";

/** Characters around a place in which the limits of a written character are looked for. */
const around = 40;

/** Finds the limits of characters as people see them: a letter with its accents, a flag, a family. */
const characters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/**
 * Returns the best end of a piece without structure: behind a line break or space in its second half, otherwise between
 * two characters. It is behind `start`, also if not even one character fits.
 *
 * @param room the most bytes of the piece
 * @param isJson true within JSON: an escape such as `\n` or `\u00e4` stays whole
 */
export function plainEnd(text: string, start: number, end: number, room: number, isJson: boolean): number {
  let at = start;
  let space = -1;
  let line = -1;
  for (let size = 0; at < end; at++) {
    size += sizeAt(text, at);
    if (size > room) break;
    const code = text.charCodeAt(at);
    if (code === 32) space = at + 1;
    else if (code === 10) line = at + 1;
    else if (isJson && code === 110 && escapeBefore(text, start, at) === at - 1) line = at + 1;
  }
  if (at === end) return end;
  const half = start + (at - start) / 2;
  if (line > half) return line;
  if (space > half) return space;
  const cut = isJson ? escapeBefore(text, start, at) : at;
  const safe = betweenCharacters(text, start, cut);
  // A character that is larger than a part stays whole all the same.
  return safe > start ? safe : characterAfter(text, start, end);
}

/** Two escapes that are one character. */
const pairOfEscapes = /^\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F]/;

/** Returns the beginning of the character of JSON that a place is in, if it is written as an escape; otherwise the place. */
function escapeBefore(text: string, start: number, at: number): number {
  const begin = oneEscapeBefore(text, start, at);
  const isInPair = begin - 6 >= start && pairOfEscapes.test(text.slice(begin - 6, begin + 4));
  return isInPair ? begin - 6 : begin;
}

function oneEscapeBefore(text: string, start: number, at: number): number {
  for (let from = at - 1; from >= Math.max(start, at - 6); from--) {
    if (text.charCodeAt(from) !== 92) continue;
    let count = 1;
    while (from - count >= start && text.charCodeAt(from - count) === 92) count++;
    // An even number of them is that of escaped backslashes.
    const length = text.charCodeAt(from + 1) === 117 ? 6 : 2;
    return count % 2 === 1 && from + length > at ? from : at;
  }
  return at;
}

/** Returns the nearest place before this one, or this one, at which a character begins. */
function betweenCharacters(text: string, start: number, at: number): number {
  const from = Math.max(start, at - around);
  const window = text.slice(from, at + around);
  const segment = characters.segment(window).containing(at - from);
  const begin = segment ? from + segment.index : at;
  if (begin > start) return begin;
  // A character without end, of marks alone, is cut between two of its code points.
  return isBetweenPairs(text, at) ? at : at - 1;
}

function characterAfter(text: string, start: number, end: number): number {
  const [first] = characters.segment(text.slice(start, Math.min(end, start + around)));
  return Math.min(end, start + (first?.segment.length ?? 1));
}
