/** Milliseconds after Enter in which more text is the rest of a paste, and no answer to the next question. */
const pasteGap = 50;

const enter = new Set(["\r", "\n"]);
const backspace = new Set(["\u007f", "\b"]);
const interrupt = "\u0003";
const endOfInput = "\u0004";
const eraseLine = "\u0015";
const eraseWord = "\u0017";
const suspend = "\u001a";
const quit = "\u001c";

/** Arrows and other keys that send several characters, and the marks around a paste. */
const keySequence = /\u001b(?:\[[0-?]*[ -/]*[@-~]|O.|.)/g;

/** The actions of keys that are no text. */
export interface LineKeys {
  /** Enter, once no more text follows. */
  done(line: string): void;
  /** Enter within a pasted text: what was pasted is no answer. */
  severalLines(): void;
  /** Ctrl-C, Ctrl-\, or Ctrl-D on an empty line. */
  interrupted(): void;
  /** Ctrl-Z. */
  suspended(): void;
}

/**
 * One line that is typed in raw mode and not shown. The keys that edit a line do what they do in a shell, and keys that
 * are no text do not become part of the answer.
 */
export class HiddenLine {
  readonly #keys: LineKeys;
  #line = "";
  #timer: NodeJS.Timeout | undefined;

  constructor(keys: LineKeys) {
    this.#keys = keys;
  }

  /** Takes what was typed or pasted. */
  readonly type = (text: string): void => {
    for (const character of text.replace(keySequence, "")) this.#press(character);
  };

  /** Answers with what was typed so far, because the input has ended. */
  readonly end = (): void => {
    if (this.#line === "") this.#keys.interrupted();
    else this.#keys.done(this.#line);
  };

  /** Forgets what was typed. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#line = "";
  }

  #press(character: string): void {
    if (character === interrupt || character === quit) return this.#keys.interrupted();
    if (this.#timer !== undefined) return this.#pressAfterEnter(character);
    if (enter.has(character)) this.#wait(() => this.#keys.done(this.#line));
    else if (character === endOfInput) this.end();
    else if (character === suspend) this.#keys.suspended();
    else if (backspace.has(character)) this.#line = [...this.#line].slice(0, -1).join("");
    else if (character === eraseLine) this.#line = "";
    else if (character === eraseWord) this.#line = this.#line.replace(/\S*\s*$/, "");
    else if (character >= " " || character === "\t") this.#line += character;
  }

  #pressAfterEnter(character: string): void {
    // More line ends are the end of a paste. With more text, all of it is awaited: the rest would go to the shell.
    if (!enter.has(character)) this.#wait(() => this.#keys.severalLines());
  }

  #wait(then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, pasteGap);
  }
}
