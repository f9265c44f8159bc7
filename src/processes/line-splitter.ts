/** Cuts a program's output into lines of text. */
export class LineSplitter {
  readonly #separator: RegExp;
  readonly #longest: number;
  readonly #decoder = new TextDecoder();
  #rest = "";

  /**
   * @param options.separator the end of a line; progress bars end theirs with a carriage return
   * @param options.longest the number of characters that are kept of a line without an end; earlier ones are dropped
   */
  constructor({ separator, longest }: { separator: RegExp; longest: number }) {
    this.#separator = separator;
    this.#longest = longest;
  }

  /** Takes the next bytes, cut anywhere. Returns the lines that have come to their end. */
  push(bytes: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split(this.#separator);
    this.#rest = lines.pop()!.slice(-this.#longest);
    return lines;
  }

  /** Returns the text after the last end of a line. */
  end(): string {
    const rest = this.#rest + this.#decoder.decode();
    this.#rest = "";
    return rest;
  }
}
