import { nextTurn } from "./next-turn.ts";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const quoteOrBackslash = /["\\]/g;

/** UTF-16 units of texts that are put back at once. */
const mostRestored = 2 * 1024 * 1024;

/** A turn of the event loop ends after so many milliseconds of this work. */
const turnMilliseconds = 8;

/**
 * The long texts that were cut out of the JSON of a request. A mark in a string stands for each of them, and goes through
 * a translation as any other text does, also where a string becomes a part of JSON inside a string: the number of
 * backslashes in a mark then shows how often it was escaped. Nobody can guess a mark.
 */
export class LongTexts {
  readonly #id = crypto.randomUUID();
  readonly #texts: { pieces: readonly Uint8Array[]; characters: number }[] = [];
  /** UTF-16 units of all texts. */
  characters = 0;
  /** Bytes of all texts in UTF-8. */
  size = 0;

  /**
   * Adds a text.
   *
   * @param pieces its JSON, in UTF-8: what stands between the quotes. No escape is in two pieces.
   * @returns the mark, as it stands in a string of JSON
   */
  add(pieces: readonly Uint8Array[], characters: number): string {
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    this.characters += characters;
    this.size += bytes;
    return `<\\u0001${this.#id}.${this.#texts.push({ pieces, characters }) - 1}>`;
  }

  /** Returns JSON with the texts in place of their marks, in UTF-8. Takes several turns of the event loop. */
  async parts(json: string): Promise<Uint8Array[]> {
    const parts: Uint8Array[] = [];
    let end = performance.now() + turnMilliseconds;
    for (const part of this.#partsOf(json)) {
      parts.push(part);
      if (performance.now() < end) continue;
      await nextTurn();
      end = performance.now() + turnMilliseconds;
    }
    return parts;
  }

  /** Does the same at once, for a request that is not very large. */
  bytes(json: string): Buffer {
    return Buffer.concat([...this.#partsOf(json)]);
  }

  /**
   * Returns a value with the texts in place of their marks, at once. Returns undefined where the texts are too long for one
   * turn of the event loop.
   */
  restored<T>(value: T): T | undefined {
    if (this.characters > mostRestored) return undefined;
    return JSON.parse(this.bytes(JSON.stringify(value)).toString()) as T;
  }

  /** Returns the UTF-16 units of the texts whose marks stand in a string. */
  charactersIn(text: string): number {
    let characters = 0;
    for (const [, , index] of this.#marksIn(text)) characters += this.#texts[Number(index)]!.characters;
    return characters;
  }

  /** Returns the texts whose marks stand in a string, in pieces: as they are, or as JSON where the string is JSON. */
  *piecesIn(text: string): Generator<string> {
    for (const [, backslashes, index] of this.#marksIn(text))
      for (const piece of this.#texts[Number(index)]!.pieces) {
        const json = utf8.decode(piece);
        yield backslashes === undefined ? (JSON.parse(`"${json}"`) as string) : json;
      }
  }

  #marksIn(text: string) {
    return text.matchAll(new RegExp(`<(?:(\\\\+)u0001|\u0001)${this.#id}\\.(\\d+)>`, "g"));
  }

  *#partsOf(json: string): Generator<Uint8Array> {
    let from = 0;
    for (const found of json.matchAll(new RegExp(`<(\\\\+)u0001${this.#id}\\.(\\d+)>`, "g"))) {
      const [mark, backslashes, index] = found as unknown as [string, string, string];
      if (found.index > from) yield Buffer.from(json.slice(from, found.index));
      from = found.index + mark.length;
      for (const piece of this.#texts[Number(index)]!.pieces)
        yield escaped(piece, Math.log2(backslashes.length));
    }
    if (from < json.length) yield Buffer.from(json.slice(from));
  }
}

/** Returns the JSON of a string as it stands in JSON that is itself in a string, so many times. */
function escaped(json: Uint8Array, times: number): Uint8Array {
  let bytes = Buffer.from(json.buffer, json.byteOffset, json.length);
  // Each byte as a character of its own: of those of UTF-8 only the two below 128 are to be escaped.
  for (let time = 0; time < times; time++)
    bytes = Buffer.from(bytes.toString("latin1").replace(quoteOrBackslash, "\\$&"), "latin1");
  return bytes;
}
