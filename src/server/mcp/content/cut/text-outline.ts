import { Outline, type OutlineReader } from "./outline.ts";
import { asciiSizes, sizeAt } from "./written-size.ts";

const lineFeed = 10;
const carriageReturn = 13;
const hash = 35;

/** The ranks 1 to 6 are those of headings. */
export const maxHeading = 6;
const paragraphRank = 7;
const lineRank = 8;

/** Reads the outline of a text: sections under headings of Markdown, paragraphs, lines. */
export class TextOutlineReader implements OutlineReader {
  readonly outline: Outline;
  size = 0;
  readonly #text: string;
  #at = 0;
  #line = 0;
  #isFenced = false;
  #isAfterBlank = false;

  constructor(text: string, partSize: number) {
    this.#text = text;
    this.outline = new Outline(partSize, maxHeading);
    this.#begin(0);
  }

  read(characters: number): boolean {
    const text = this.#text;
    const end = Math.min(text.length, this.#at + characters);
    let size = this.size;
    for (let at = this.#at; at < end; at++) {
      const code = text.charCodeAt(at);
      size += code < 128 ? asciiSizes[code]! : sizeAt(text, at);
      if (code !== lineFeed || at + 1 === text.length) continue;
      this.size = size;
      this.#line++;
      this.#begin(at + 1);
    }
    this.#at = end;
    this.size = size;
    return end === text.length;
  }

  /** Notes the beginning of a line. */
  #begin(offset: number): void {
    const text = this.#text;
    const first = text.charCodeAt(offset);
    const isBlank =
      first === lineFeed || (first === carriageReturn && text.charCodeAt(offset + 1) === lineFeed);
    const heading = this.#isFenced || first !== hash ? 0 : headingAt(text, offset);
    const isParagraph = this.#isAfterBlank && !this.#isFenced && !isBlank;
    if (isFence(text, offset)) this.#isFenced = !this.#isFenced;
    this.#isAfterBlank = isBlank;
    const rank = heading > 0 ? heading : isParagraph ? paragraphRank : lineRank;
    if (offset > 0 || heading > 0) this.outline.add(rank, offset, this.size, this.#line, false);
  }
}

/** Returns the level of the heading that begins here; 0 if there is none. */
export function headingAt(text: string, offset: number): number {
  const pattern = /#{1,6}(?=[ \t]+\S)/y;
  pattern.lastIndex = offset;
  return pattern.exec(text)?.[0].length ?? 0;
}

function isFence(text: string, offset: number): boolean {
  return text.startsWith("```", offset) || text.startsWith("~~~", offset);
}
