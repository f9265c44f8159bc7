import { nextTurn } from "../../../../wire/next-turn.ts";
import { JsonOutlineReader, looksLikeJson } from "./json-outline.ts";
import { LabelWriter } from "./labels.ts";
import type { Outline, OutlineReader } from "./outline.ts";
import { plainEnd } from "./plain-cut.ts";
import { maxHeading, TextOutlineReader } from "./text-outline.ts";
import { sizeBetween, sizeUpTo } from "./written-size.ts";

/** A piece of one of the texts: from `start` up to `end`. */
export interface TextPiece {
  /** The index of the text. */
  text: number;
  start: number;
  end: number;
}

/** Neighbouring pieces that are given together. All parts in their order are the texts. */
export interface Part {
  pieces: TextPiece[];
  /** The written size, in bytes. */
  size: number;
  /** The place of the part in the texts, for people; empty if there is nothing to say. */
  label: string;
}

export interface CutOptions {
  /** The most bytes of a part, as JSON writes them. */
  partSize: number;
  /** True to begin a part at each of the largest headings. */
  bySection: boolean;
}

/** The characters that are read in one turn of the event loop: a few milliseconds. */
const turnCharacters = 512 * 1024;

/** Bytes that each text of a list takes besides its own: `{"type":"text","text":""},`. */
const textOverhead = 30;

/** The smallest part of a part that is worth beginning a block in that has to be cut anyway. */
const leastRoom = 1 / 4;

/** True if texts are small enough to be one part. */
export function fitTogether(texts: readonly string[], partSize: number): boolean {
  let room = partSize;
  for (const text of texts) {
    room -= sizeUpTo(text, room) + textOverhead;
    if (room < -textOverhead) return false;
  }
  return true;
}

/**
 * Cuts texts into parts, at the largest blocks that fit: items of JSON, sections, paragraphs, lines. Only a block that is
 * larger than a part is cut inside. Long texts take several turns of the event loop.
 */
export async function cutTexts(texts: readonly string[], options: CutOptions): Promise<Part[]> {
  const packer = new Packer(options);
  let turn = 0;
  for (const [index, text] of texts.entries()) {
    if (packer.addWhole(index, text)) {
      turn += text.length + textOverhead;
      if (turn > turnCharacters) {
        turn = 0;
        await nextTurn();
      }
      continue;
    }
    const { outline, size, isJson } = await outlineOf(text, options.partSize - textOverhead);
    await packer.addBlocks(index, text, outline, size, isJson);
  }
  return packer.end();
}

/** Returns the outline of a text. A block that is smaller than `room` is not cut. */
async function outlineOf(text: string, room: number) {
  // It came in this turn, and took long to read.
  if (text.length > turnCharacters) await nextTurn();
  const json = looksLikeJson(text) && (await readAll(new JsonOutlineReader(text, room)));
  if (json) return { ...json, isJson: true };
  return { ...(await readAll(new TextOutlineReader(text, room)))!, isJson: false };
}

async function readAll(reader: OutlineReader) {
  for (;;) {
    const isDone = reader.read(turnCharacters);
    await nextTurn();
    if (isDone === undefined) return undefined;
    if (isDone) return { outline: reader.outline, size: reader.size };
  }
}

/** A range of an outline: from the beginning of one block to that of another, -1 and `length` being those of the text. */
type Range = readonly [from: number, to: number];

/** Puts blocks into parts, as many as fit. */
class Packer {
  readonly #size: number;
  readonly #bySection: boolean;
  readonly #parts: Part[] = [];
  #pieces: TextPiece[] = [];
  #used = 0;
  /** The block at which the part begins. */
  #from: number | undefined;
  /** Writes the labels of the text at hand; undefined for one that stays whole. */
  #labels: LabelWriter | undefined;
  /** Characters that were looked at without structure since the last turn of the event loop. */
  #looked = 0;

  constructor({ partSize, bySection }: CutOptions) {
    this.#size = partSize;
    this.#bySection = bySection;
  }

  /** Adds a text that fits into a part. Returns false if it does not. */
  addWhole(index: number, text: string): boolean {
    const size = sizeUpTo(text, this.#size - textOverhead) + textOverhead;
    if (size > this.#size) return false;
    if (this.#used + size > this.#size) this.#flush(undefined);
    this.#labels = undefined;
    this.#pieces.push({ text: index, start: 0, end: text.length });
    this.#used += size;
    return true;
  }

  /** Adds a text that does not fit into a part. */
  async addBlocks(
    index: number,
    text: string,
    outline: Outline,
    size: number,
    isJson: boolean,
  ): Promise<void> {
    if (this.#used > this.#size * (1 - leastRoom)) this.#flush(undefined);
    const { offsets, sizes, ranks, length } = outline;
    const offsetAt = (at: number) => (at < 0 ? 0 : at === length ? text.length : offsets[at]!);
    const sizeBefore = (at: number) => (at < 0 ? 0 : at === length ? size : sizes[at]!);
    const sectionRank = this.#bySection && !isJson ? sectionRankOf(outline) : 0;
    let piece: TextPiece = this.#begin(index, 0, undefined);
    const labels = new LabelWriter(text, outline, isJson);
    const cutAt = (offset: number, at: number | undefined) => {
      piece.end = offset;
      const block = at === undefined || at < 0 ? undefined : at;
      this.#flush(block);
      this.#labels = labels;
      piece = this.#begin(index, offset, block);
    };
    this.#labels = labels;
    // The ranges that are left, the next one last.
    const left = rangesIn(ranks, -1, length).reverse();
    for (let range = left.pop(); range; range = left.pop()) {
      const [from, to] = range;
      const start = offsetAt(from);
      const own = sizeBefore(to) - sizeBefore(from);
      if (from >= 0 && ranks[from]! <= sectionRank && piece.start < start) cutAt(start, from);
      if (this.#used + own <= this.#size) {
        this.#used += own;
      } else if (own <= this.#size - textOverhead) {
        cutAt(start, from);
        this.#used += own;
      } else {
        if (piece.start < start && this.#used > this.#size * (1 - leastRoom)) cutAt(start, from);
        if (to - from > 1) for (const inner of rangesIn(ranks, from, to).reverse()) left.push(inner);
        else await this.#addPlain(text, start, offsetAt(to), isJson, (offset) => cutAt(offset, undefined));
      }
    }
    piece.end = text.length;
  }

  end(): Part[] {
    this.#flush(undefined);
    return this.#parts;
  }

  /** Adds a block that has no blocks in it. */
  async #addPlain(
    text: string,
    start: number,
    end: number,
    isJson: boolean,
    cutAt: (offset: number) => void,
  ): Promise<void> {
    for (let at = start; ; ) {
      const next = plainEnd(text, at, end, this.#size - this.#used, isJson);
      this.#used += sizeBetween(text, at, next);
      if (next >= end) return;
      this.#looked += next - at;
      if (this.#looked > turnCharacters) {
        this.#looked = 0;
        await nextTurn();
      }
      cutAt(next);
      at = next;
    }
  }

  #begin(text: number, start: number, from: number | undefined): TextPiece {
    const piece = { text, start, end: start };
    if (this.#pieces.length === 0) this.#from = from;
    this.#pieces.push(piece);
    this.#used += textOverhead;
    return piece;
  }

  /** @param to the block before which the part ends; undefined if it ends inside one, or with a text */
  #flush(to: number | undefined): void {
    const pieces = this.#pieces.filter(({ start, end }) => end > start);
    if (pieces.length > 0) this.#parts.push({ pieces, size: this.#used, label: this.#labelOf(pieces, to) });
    this.#pieces = [];
    this.#used = 0;
    this.#from = undefined;
  }

  #labelOf(pieces: readonly TextPiece[], to: number | undefined): string {
    const { text, start } = pieces[0]!;
    const last = pieces.at(-1)!.text;
    if (last > text) return `texts ${text + 1}-${last + 1}`;
    return this.#labels?.label(start, this.#from, to) ?? `text ${text + 1}`;
  }
}

/** Returns the ranges of the largest blocks in a range of an outline. */
function rangesIn(ranks: readonly number[], from: number, to: number): Range[] {
  let smallest = Number.POSITIVE_INFINITY;
  for (let at = from + 1; at < to; at++) smallest = Math.min(smallest, ranks[at]!);
  const ranges: Range[] = [];
  let begin = from;
  for (let at = from + 1; at < to; at++) {
    if (ranks[at] !== smallest) continue;
    ranges.push([begin, at]);
    begin = at;
  }
  return [...ranges, [begin, to]];
}

/** Returns the rank of the largest headings of which there are several; 0 if there are none. */
function sectionRankOf({ ranks, length }: Outline): number {
  const counts = Array(maxHeading + 1).fill(0);
  for (let at = 0; at < length; at++) if (ranks[at]! <= maxHeading) counts[ranks[at]!]++;
  return Math.max(
    0,
    counts.findIndex((count) => count > 1),
  );
}
