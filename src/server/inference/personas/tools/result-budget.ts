/** The most characters of one result. */
const mostOfOne = 100_000;
/** The most characters of all results of one call of a persona, if the model's context is not known. */
const usualTotal = 400_000;
/** The characters that every result may have, also when the others have used everything up. */
const least = 500;
/** Characters of results for each token of the context: about half of it. */
const perToken = 1.5;

/** Keeps the results of tools so short that the model's context can hold them. */
export class ResultBudget {
  #left: number;
  readonly #mostOfOne: number;

  /** @param contextTokens the most tokens of a request to the model, if that is known */
  constructor(contextTokens: number | undefined) {
    this.#left = contextTokens === undefined ? usualTotal : contextTokens * perToken;
    this.#mostOfOne = Math.max(least, Math.min(mostOfOne, this.#left / 2));
  }

  /** Returns a text, cut off if there is no room for all of it. */
  fitted(text: string): string {
    const room = Math.floor(Math.max(least, Math.min(this.#mostOfOne, this.#left)));
    this.#left -= Math.min(text.length, room);
    if (text.length <= room) return text;
    return `${start(text, room)}\n\n[cut off: these are the first ${room} of ${text.length} characters]`;
  }
}

/** Returns the first characters of a text, without half of one at the end. */
function start(text: string, length: number): string {
  const isHalf = /[\ud800-\udbff]/.test(text[length - 1] ?? "");
  return text.slice(0, isHalf ? length - 1 : length);
}
