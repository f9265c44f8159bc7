import { parsedObject } from "../../wire/json.ts";

/** The only parameter of the function that replaces a custom tool. */
export const customInputKey = "input";

const opening = /^\s*\{\s*"input"\s*:\s*"/;
/** Arguments without the expected beginning in so many characters are of another form. */
const longestOpening = 64;
/** Escapes other than \uXXXX that do not mean the character itself. */
const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" };

/**
 * Reads the input of a custom tool from the arguments of its function, which arrive in pieces. Time is linear in the
 * length of the arguments.
 */
export class CustomInputReader {
  /** Characters that were not read yet: the beginning, or an escape that is cut. */
  #rest = "";
  /** The first half of a surrogate pair: no piece may end with it, because half a character is not UTF-8. */
  #half = "";
  #state: "opening" | "inside" | "over" = "opening";
  /** The whole input so far. */
  input = "";

  /** Takes the next piece of the arguments. Returns the next piece of the input, or "". */
  push(piece: string): string {
    if (this.#state === "over") return "";
    this.#rest += piece;
    if (this.#state === "opening") {
      const found = opening.exec(this.#rest.slice(0, longestOpening));
      if (!found) {
        if (this.#rest.length >= longestOpening) this.#state = "over";
        return "";
      }
      this.#rest = this.#rest.slice(found[0].length);
      this.#state = "inside";
    }
    return this.#emitted(this.#unescaped());
  }

  /**
   * Ends the arguments. Returns the rest of the input: all of it where the model wrote arguments of another form.
   */
  end(args: string): string {
    // Cut in the middle of the text: all of it was returned already.
    if (this.#state === "inside") return "";
    const whole = customInput(args);
    const text = whole.startsWith(this.input) ? whole.slice(this.input.length) : "";
    this.input += text;
    return text;
  }

  #emitted(read: string): string {
    let text = this.#half + read;
    this.#half = "";
    if (/[\ud800-\udbff]$/.test(text)) {
      this.#half = text.slice(-1);
      text = text.slice(0, -1);
    }
    this.input += text;
    return text;
  }

  #unescaped(): string {
    const raw = this.#rest;
    this.#rest = "";
    let text = "";
    let from = 0;
    for (let at = 0; at < raw.length; at++) {
      const letter = raw[at];
      if (letter !== '"' && letter !== "\\") continue;
      text += raw.slice(from, at);
      from = at;
      if (letter === '"') {
        this.#state = "over";
        return text;
      }
      const kind = raw[at + 1];
      const length = kind === "u" ? 6 : 2;
      if (at + length > raw.length) break;
      if (kind === "u") text += String.fromCharCode(Number.parseInt(raw.slice(at + 2, at + length), 16));
      else text += escapes[kind!] ?? kind;
      from = at + length;
      at = from - 1;
    }
    if (raw[from] !== "\\") return text + raw.slice(from);
    this.#rest = raw.slice(from);
    return text;
  }
}

/**
 * Returns the input in the arguments of the function. Models that know the tool by another form give its one text another
 * name (case 209). Of every other form it is the whole.
 */
export function customInput(args: string): string {
  const given = Object.entries(parsedObject(args) ?? {});
  const only = given.length === 1 ? given[0]![1] : given.find(([key]) => key === customInputKey)?.[1];
  return typeof only === "string" ? only : args;
}
