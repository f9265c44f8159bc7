import { maxRank, Outline, type OutlineReader } from "./outline.ts";
import { asciiSizes, sizeAt } from "./written-size.ts";

const quote = 34;
const comma = 44;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/** True if a text begins as a list or object of JSON does. */
export function looksLikeJson(text: string): boolean {
  return /^\s*[[{]/.test(text);
}

/** Reads the outline of JSON: lists and objects with their items, in one pass that does not parse values. */
export class JsonOutlineReader implements OutlineReader {
  readonly outline: Outline;
  size = 0;
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #isString = false;
  /** The number of the item at hand, and true for objects, by depth. */
  readonly #ordinals: number[] = [0];
  readonly #objects: boolean[] = [false];

  constructor(text: string, partSize: number) {
    this.#text = text;
    this.outline = new Outline(partSize, 0);
  }

  read(characters: number): boolean | undefined {
    const text = this.#text;
    const end = Math.min(text.length, this.#at + characters);
    let size = this.size;
    let at = this.#at;
    let isString = this.#isString;
    for (; at < end; at++) {
      const code = text.charCodeAt(at);
      size += code < 128 ? asciiSizes[code]! : sizeAt(text, at);
      if (isString) {
        if (code === quote) isString = false;
        else if (code === backslash && at + 1 < text.length) size += sizeAt(text, ++at);
        continue;
      }
      if (code <= 32) continue;
      if (this.#depth === 0 && !this.#canBegin(code)) return undefined;
      if (code === quote) isString = true;
      else if (code === comma) this.#item(++this.#ordinals[this.#depth]!, at + 1, size);
      else if (code === openBracket || code === openBrace) this.#open(code === openBrace, at + 1, size);
      else if ((code === closeBracket || code === closeBrace) && !this.#close(code === closeBrace))
        return undefined;
    }
    this.#at = at;
    this.size = size;
    this.#isString = isString;
    if (at < text.length) return false;
    return this.#depth === 0 && !isString ? true : undefined;
  }

  /** True for the bracket of the value; nothing else stands outside, and it stands there once. */
  #canBegin(code: number): boolean {
    return (code === openBracket || code === openBrace) && this.#ordinals[0] === 0;
  }

  #open(isObject: boolean, offset: number, size: number): void {
    this.#ordinals[0] = 1;
    const depth = ++this.#depth;
    this.#ordinals[depth] = 0;
    this.#objects[depth] = isObject;
    this.#item(0, offset, size);
  }

  #item(ordinal: number, offset: number, size: number): void {
    const depth = this.#depth;
    if (depth <= maxRank) this.outline.add(depth, offset, size, ordinal, this.#objects[depth]!);
  }

  #close(isObject: boolean): boolean {
    if (this.#objects[this.#depth] !== isObject) return false;
    this.#depth--;
    return true;
  }
}
