import { foreignLimits, maxDifferentKeys, maxJsonEscapes, maxJsonItems, stringCharacters } from "./json.ts";

const space = 32;
const quote = 34;
const comma = 44;
const colon = 58;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/**
 * Counts what is in JSON of somebody else while its bytes arrive, so that a long text need not be looked through once more
 * when it is whole. It only knows that a text is harmless: one that is not may still be within the limits.
 */
export class JsonMeter {
  #depth = 0;
  #deepest = 0;
  #items = 0;
  #keys = 0;
  #structure = 0;
  #escapes = 0;
  #isString = false;
  /** True if the next byte belongs to an escape that began in the piece before. */
  #isEscaped = false;

  /** Counts the next bytes of the text. */
  add(bytes: Uint8Array): void {
    let depth = this.#depth;
    let structure = this.#structure;
    let escapes = this.#escapes;
    let isString = this.#isString;
    let at = this.#isEscaped && bytes.length > 0 ? 1 : 0;
    // The counts are in variables: for each of millions of bytes, fields of the object take several times as long.
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (isString) {
        if (byte === quote) isString = false;
        else if (byte === backslash) {
          escapes++;
          at++;
        }
        continue;
      }
      structure++;
      if (byte <= space) continue;
      if (byte === quote) {
        isString = true;
        structure += stringCharacters;
      } else if (byte === comma) this.#items++;
      else if (byte === colon) this.#keys++;
      else if (byte === openBrace || byte === openBracket) {
        this.#items++;
        depth++;
        if (depth > this.#deepest) this.#deepest = depth;
      } else if (byte === closeBrace || byte === closeBracket) depth--;
    }
    this.#isEscaped = at > bytes.length || (this.#isEscaped && bytes.length === 0);
    this.#depth = depth;
    this.#structure = structure;
    this.#escapes = escapes;
    this.#isString = isString;
  }

  /** True if the text, if it is JSON at all, is within the limits of `refuseExcess`. */
  get isHarmless(): boolean {
    return (
      this.#deepest < foreignLimits.maxDepth &&
      this.#items < maxJsonItems &&
      this.#keys < maxDifferentKeys &&
      this.#structure < foreignLimits.maxStructure &&
      this.#escapes < maxJsonEscapes
    );
  }
}
