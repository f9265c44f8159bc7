/** A number or a literal is not longer, so that it can be parsed again with each question. */
const longestScalar = 32;

/**
 * Follows a JSON text that arrives in pieces, and knows when its value is whole. Time is linear in the length of the
 * text.
 */
export class JsonProgress {
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  #isClosed = false;
  /** A number or a literal that is no part of an object or a list. */
  #scalar = "";
  /** The last character that is no white space. */
  #last = "";
  /** True while nothing but white space came. */
  isBlank = true;
  /** The place in the last piece behind the end of an object or a list; undefined where none ended in it. */
  closedAt: number | undefined;

  /** Takes the next piece. Returns it, with line breaks and other control characters in its texts as escapes. */
  push(text: string): string {
    let valid = "";
    let from = 0;
    this.closedAt = undefined;
    for (let at = 0; at < text.length; at++) {
      const letter = text[at]!;
      if (letter.trim() !== "") this.#last = letter;
      if (this.#inString && letter < " ") {
        valid += text.slice(from, at) + JSON.stringify(letter).slice(1, -1);
        from = at + 1;
      } else if (this.#inString) this.#inside(letter);
      else if (letter === '"') {
        this.#inString = true;
        this.isBlank = false;
      } else if (letter === "{" || letter === "[") {
        this.#depth++;
        this.isBlank = false;
      } else if (letter === "}" || letter === "]") {
        if (this.#depth > 0 && --this.#depth === 0) {
          this.#isClosed = true;
          this.closedAt = at + 1;
        }
      } else if (this.#depth === 0 && letter.trim() !== "") {
        this.isBlank = false;
        if (this.#scalar.length <= longestScalar) this.#scalar += letter;
      }
    }
    return from === 0 ? text : valid + text.slice(from);
  }

  /** True once the text contains a whole value: an object, a list, a text, a number or a literal. */
  get isWhole(): boolean {
    if (this.#depth > 0 || this.#inString) return false;
    return this.#isClosed || isScalar(this.#scalar);
  }

  /** True if the next characters continue as JSON. Only the beginning of an object is told from the rest of a value. */
  continues(text: string): boolean {
    // Within a text, a quote ends it, and only a sign of punctuation can follow.
    if (this.#inString) return !/^\s*\{\s*"[^\s,:}\]]/.test(text);
    if (!/^\s*\{/.test(text)) return true;
    return this.#last === ":" || this.#last === "," || this.#last === "[";
  }

  /** Takes a character of a text. */
  #inside(letter: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (letter === "\\") this.#isEscaped = true;
    else if (letter === '"') {
      this.#inString = false;
      if (this.#depth === 0) this.#isClosed = true;
    }
  }
}

function isScalar(text: string): boolean {
  if (text === "" || text.length > longestScalar) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
