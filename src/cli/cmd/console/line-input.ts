import { plainLine, type StyledSpan, widthOf } from "./cells.ts";
import type { Key } from "./keys.ts";

/** The most characters of a line that is typed. */
const maxLength = 100_000;

/** A line of text that is being typed. */
export class LineInput {
  #before: string;
  #after = "";

  constructor(text = "") {
    this.#before = text;
  }

  get text(): string {
    return this.#before + this.#after;
  }

  set text(text: string) {
    this.#before = text;
    this.#after = "";
  }

  /** Takes a key. Returns false if it is none of editing. */
  key({ name, text, ctrl }: Key): boolean {
    const before = [...this.#before];
    const after = [...this.#after];
    if (ctrl) return this.#controlKey(text);
    if (name === "text") this.#before = (this.#before + text.replace(/[\r\n]+/g, " ")).slice(0, maxLength);
    else if (name === "backspace") this.#before = before.slice(0, -1).join("");
    else if (name === "delete") this.#after = after.slice(1).join("");
    else if (name === "left") this.#set(before.slice(0, -1), [...before.slice(-1), ...after]);
    else if (name === "right") this.#set([...before, ...after.slice(0, 1)], after.slice(1));
    else if (name === "home") this.#set([], [...before, ...after]);
    else if (name === "end") this.#set([...before, ...after], []);
    else return false;
    return true;
  }

  /** Returns the part around the cursor that fits, with the cursor. */
  spans(width: number): StyledSpan[] {
    let before = plainLine(this.#before);
    const after = plainLine(this.#after);
    while (widthOf(before) > width - 1) before = [...before].slice(1).join("");
    const [under = " ", ...rest] = after;
    let right = rest.join("");
    while (widthOf(before + under + right) > width) right = [...right].slice(0, -1).join("");
    return [{ text: before }, { text: under, style: "inverse" }, { text: right }];
  }

  #controlKey(text: string): boolean {
    if (text === "u") this.#before = "";
    else if (text === "k") this.#after = "";
    else if (text === "w") this.#before = this.#before.replace(/\S*\s*$/, "");
    else if (text === "a") this.#set([], [...this.#before, ...this.#after]);
    else if (text === "e") this.#set([...this.#before, ...this.#after], []);
    else return false;
    return true;
  }

  #set(before: readonly string[], after: readonly string[]): void {
    this.#before = before.join("");
    this.#after = after.join("");
  }
}
