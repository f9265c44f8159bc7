import type { LongTexts } from "../../wire/long-texts.ts";
import { nextTurn } from "../../wire/next-turn.ts";
import { estimateTokens } from "./token-estimate.ts";

/** A text is measured in pieces of so many UTF-16 units. */
const pieceUnits = 256 * 1024;
/** A turn of the event loop ends after so many milliseconds of this work. */
const turnMilliseconds = 8;

/** The tokens of a request: a sum, and the texts that are still to be measured. */
export class TokenTally {
  readonly #long: LongTexts | undefined;
  readonly #texts: string[] = [];
  #tokens = 0;

  /** @param long the long texts that were cut out of the request */
  constructor(long?: LongTexts) {
    this.#long = long;
  }

  add(tokens: number): void {
    this.#tokens += tokens;
  }

  addText(text: string): void {
    this.#texts.push(text);
  }

  /** Returns the UTF-16 units of a text, also of what was cut out of it. */
  lengthOf(text: string): number {
    return text.length + (this.#long?.charactersIn(text) ?? 0);
  }

  /** Returns the estimate of all, 1 at least, for a request from which nothing was cut out. */
  total(): number {
    return Math.max(
      1,
      this.#texts.reduce((sum, text) => sum + estimateTokens(text), this.#tokens),
    );
  }

  /** Returns the same for any request, in several turns of the event loop. */
  async totalInTurns(): Promise<number> {
    let tokens = this.#tokens;
    let end = performance.now() + turnMilliseconds;
    for (const piece of this.#pieces()) {
      tokens += estimateTokens(piece);
      if (performance.now() < end) continue;
      await nextTurn();
      end = performance.now() + turnMilliseconds;
    }
    return Math.max(1, tokens);
  }

  *#pieces(): Generator<string> {
    for (const text of this.#texts) {
      for (let at = 0; at < text.length; at += pieceUnits) yield text.slice(at, at + pieceUnits);
      if (this.#long) yield* this.#long.piecesIn(text);
    }
  }
}
