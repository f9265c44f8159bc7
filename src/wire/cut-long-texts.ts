import { LongTexts } from "./long-texts.ts";
import { nextTurn } from "./next-turn.ts";
import { joinInTurns } from "./pieces.ts";
import { wellFormedJson } from "./well-formed.ts";

/** Sizes in bytes. */
export interface CutSizes {
  /** A longer string is cut. */
  longest: number;
  /** The beginning and the end of a string that stay: some programs look at them, such as those that read data URLs. */
  head: number;
  tail: number;
  /** A text is checked and kept in pieces of this size. */
  piece: number;
}

const usualSizes: CutSizes = { longest: 64 * 1024, head: 1024, tail: 64, piece: 256 * 1024 };

/** Fields with texts, files and images, into which no translation looks any further. Arguments of tools are not among them. */
const keys: ReadonlySet<string> = new Set([
  ...["text", "content", "system", "input", "output", "data", "url", "image_url", "file_data"],
]);
const longestKey = 9;

/** More quotes than these are in no request that has few enough elements. */
const mostQuotes = 1_000_000;
/** More backslashes in a row are in no request that has few enough escapes. */
const mostBackslashes = 2_000_000;
/** A cut is made at most so many bytes before the place where it would be. */
const slack = 4096;
/** Length of an escape such as `\u00e4`. */
const longEscape = 6;

/** A turn of the event loop ends after so many milliseconds of this work. */
const turnMilliseconds = 8;
const quotesAtOnce = 1024;

const quote = 34;
const colon = 58;
const backslash = 92;
const space = 32;
const letterU = 117;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const toCheck = /[\\\p{Cc}]/u;

/** JSON from which long texts are cut out. */
export interface CutJson {
  /** The rest, in UTF-8, with marks. */
  rest: Buffer;
  long: LongTexts;
}

/**
 * Cuts long texts out of the JSON of a request, so that nothing has to decode, parse, translate and write them: each of
 * these takes long in one turn of the event loop. A text that is not valid stays, and whoever parses the rest refuses it.
 * Takes several turns of the event loop. Returns undefined if there is none.
 *
 * @param long takes the texts
 */
export async function cutLongTexts(
  bytes: Buffer,
  sizes = usualSizes,
  long = new LongTexts(),
): Promise<CutJson | undefined> {
  const kept: Uint8Array[] = [];
  let from = 0;
  let opened = -1;
  let quotes = 0;
  let end = performance.now() + turnMilliseconds;
  for (let at = bytes.indexOf(quote); at !== -1; at = bytes.indexOf(quote, at + 1)) {
    if (++quotes > mostQuotes) break;
    if (quotes % quotesAtOnce === 0 && performance.now() > end) {
      await nextTurn();
      end = performance.now() + turnMilliseconds;
    }
    if (opened === -1) {
      opened = at;
      continue;
    }
    const backslashes = backslashesBefore(bytes, at, opened);
    if (backslashes > mostBackslashes) break;
    if (backslashes % 2 === 1) continue;
    const key = at - opened - 1 > sizes.longest ? (keyBefore(bytes, opened) ?? "") : "";
    const cut = keys.has(key) ? await cutOf(bytes, opened, at, sizes) : undefined;
    opened = -1;
    if (!cut) continue;
    end = performance.now() + turnMilliseconds;
    const mark = long.add(cut.pieces, cut.characters);
    kept.push(bytes.subarray(from, cut.start), Buffer.from(mark));
    from = cut.end;
  }
  if (kept.length === 0) return undefined;
  kept.push(bytes.subarray(from));
  return { rest: await joinInTurns(kept), long };
}

/** Returns the middle of a string, between two places where no escape and no character is cut; undefined for none. */
async function cutOf(bytes: Buffer, open: number, close: number, { head, tail, piece }: CutSizes) {
  const start = cutPlace(bytes, open + 1 + head, open + 1);
  const end = cutPlace(bytes, close - tail, open + 1);
  if (start === undefined || end === undefined || end <= start) return undefined;
  const beginning = bytes.toString("latin1", open + 1, start);
  // A translation reads these.
  if (/^data:text\//i.test(beginning)) return undefined;
  const pieces: Uint8Array[] = [];
  let characters = 0;
  for (let from = start; from < end; ) {
    await nextTurn();
    const until = performance.now() + turnMilliseconds;
    do {
      const to = end - from <= piece ? end : cutPlace(bytes, from + piece, from);
      const part = to === undefined ? undefined : bytes.subarray(from, to);
      const text = part && checked(part);
      if (text === undefined) return undefined;
      characters += text.length;
      const sent = wellFormedJson(text);
      pieces.push(sent === text ? part! : Buffer.from(sent));
      from = to!;
    } while (from < end && performance.now() < until);
  }
  return { start, end, pieces, characters };
}

/** Returns the text of a part of a JSON string; undefined if it is not valid. */
function checked(part: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(part);
    if (toCheck.test(text)) JSON.parse(`"${text}"`);
    return text;
  } catch {
    return undefined;
  }
}

/** Returns the last place before `at`, or `at` itself, that is between two characters and in no escape. */
function cutPlace(bytes: Buffer, at: number, least: number): number | undefined {
  let place = Math.min(at, bytes.length - 1);
  const last = Math.max(least, place - slack);
  while (place > last) {
    const near = Math.max(least, place - longEscape);
    const slash = near + bytes.subarray(near, place).lastIndexOf(backslash);
    // The last one of an even number is itself escaped.
    const begins = slash >= near && backslashesBefore(bytes, slash + 1, least - 1) % 2 === 1;
    if (begins && escapeEnd(bytes, slash) > place) place = slash;
    else if ((bytes[place]! & 0xc0) === 0x80) place--;
    else return place;
  }
  return undefined;
}

/** Returns the end of an escape; of the first half of a surrogate pair, a place within the other one. */
function escapeEnd(bytes: Buffer, slash: number): number {
  if (bytes[slash + 1] !== letterU) return slash + 2;
  const isFirstHalf = /^d[89ab]/i.test(bytes.toString("latin1", slash + 2, slash + 4));
  return slash + longEscape + (isFirstHalf ? 1 : 0);
}

function backslashesBefore(bytes: Buffer, at: number, opened: number): number {
  let first = at;
  while (first - 1 > opened && bytes[first - 1] === backslash && at - first <= mostBackslashes) first--;
  return at - first;
}

/** Returns the key of the string that begins at a place, if it is the value of a short key. */
function keyBefore(bytes: Buffer, opened: number): string | undefined {
  const before = skipSpaceBack(bytes, opened - 1);
  if (bytes[before] !== colon) return undefined;
  const end = skipSpaceBack(bytes, before - 1);
  if (bytes[end] !== quote) return undefined;
  const key = bytes.toString("latin1", Math.max(0, end - longestKey - 1), end);
  const start = key.lastIndexOf('"');
  return start === -1 ? undefined : key.slice(start + 1);
}

function skipSpaceBack(bytes: Buffer, from: number): number {
  let at = from;
  while (at > from - slack && bytes[at]! <= space) at--;
  return at;
}
