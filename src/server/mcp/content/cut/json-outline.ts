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

/**
 * Reads the outline of JSON: lists and objects with their items, in a pass that does not parse values. Items inside of an
 * item are of interest only if that is larger than a part. So they are passed over until it turns out to be, and then the
 * pass goes back to where it begins.
 */
export class JsonOutlineReader implements OutlineReader {
  readonly outline: Outline;
  size = 0;
  readonly #text: string;
  readonly #partSize: number;
  #at = 0;
  #depth = 0;
  #isString = false;
  /** The number of the item at hand, and true for objects, by depth. */
  readonly #ordinals: number[] = [0];
  readonly #objects: boolean[] = [false];
  /** The deepest items that are taken into the outline now. */
  #detail = 1;
  /** True if items were passed over since the latest one of the outline. */
  #hasInner = false;
  readonly #latest = { offset: 0, size: 0, depth: 0 };

  constructor(text: string, partSize: number) {
    this.#text = text;
    this.#partSize = partSize;
    this.outline = new Outline(partSize, 0);
  }

  read(characters: number): boolean | undefined {
    const { length } = this.#text;
    const end = Math.min(length, this.#at + characters);
    while (this.#at < end) {
      // In steps, so that what is read again after going back is little.
      if (!this.#readTo(Math.min(end, this.#at + 2 * this.#partSize))) return undefined;
      if (this.#hasInner && this.size - this.#latest.size > this.#partSize) this.#goBack();
    }
    if (this.#at < length) return false;
    return this.#depth === 0 && !this.#isString ? true : undefined;
  }

  /**
   * Reads up to a place, or a few characters further. Returns false if it is no JSON. The state is in variables: for each
   * of millions of characters, fields of the object take several times as long.
   */
  #readTo(end: number): boolean {
    const text = this.#text;
    const ordinals = this.#ordinals;
    const objects = this.#objects;
    const latest = this.#latest;
    let size = this.size;
    let at = this.#at;
    let depth = this.#depth;
    let detail = this.#detail;
    let hasInner = this.#hasInner;
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
      const isOpen = code === openBracket || code === openBrace;
      // Outside stands one value and nothing else.
      if (depth === 0 && !(isOpen && ordinals[0] === 0)) return false;
      if (code === quote) {
        isString = true;
        continue;
      }
      if (isOpen) {
        ordinals[0] = 1;
        ordinals[++depth] = 0;
        objects[depth] = code === openBrace;
      } else if (code === comma) ordinals[depth]!++;
      else {
        if (code !== closeBracket && code !== closeBrace) continue;
        if (objects[depth] !== (code === closeBrace)) return false;
        depth--;
        continue;
      }
      if (depth > detail) {
        hasInner ||= depth <= maxRank;
        continue;
      }
      // The one before is too large: `read` goes back to it.
      if (hasInner && size - latest.size > this.#partSize) break;
      this.outline.add(depth, at + 1, size, ordinals[depth]!, objects[depth]!);
      latest.offset = at + 1;
      latest.size = size;
      latest.depth = depth;
      detail = depth;
      hasInner = false;
    }
    this.#at = at;
    this.size = size;
    this.#depth = depth;
    this.#detail = detail;
    this.#hasInner = hasInner;
    this.#isString = isString;
    return true;
  }

  /** Goes back to the latest item of the outline, for the items in it. */
  #goBack(): void {
    const { offset, size, depth } = this.#latest;
    this.#at = offset;
    this.size = size;
    this.#depth = depth;
    this.#isString = false;
    this.#detail++;
    this.#hasInner = false;
  }
}
