import type { Outline } from "./outline.ts";
import { headingAt, maxHeading } from "./text-outline.ts";

/** The most characters of a key or heading in a label. */
const maxName = 50;

/**
 * Tells where parts of a text are: `.users[30:60]` as jq writes it, or `Install, lines 120-240`. The parts must come in
 * their order, so that all of them cost one walk through the outline.
 */
export class LabelWriter {
  readonly #text: string;
  readonly #outline: Outline;
  readonly #isJson: boolean;
  /** The latest block of each rank up to the place at hand. */
  readonly #latest: number[] = [];
  #walked = 0;

  constructor(text: string, outline: Outline, isJson: boolean) {
    this.#text = text;
    this.#outline = outline;
    this.#isJson = isJson;
  }

  /**
   * Returns the label of a part; empty if it has no structure.
   *
   * @param start where it begins in the text
   * @param from the block that begins there; undefined if it begins inside one
   * @param to the block before which it ends; undefined if it ends inside one, or with the text
   */
  label(start: number, from: number | undefined, to: number | undefined): string {
    if (from !== undefined) this.#walk(from);
    if (!this.#isJson) return this.#textLabel(start, from, to);
    if (from !== undefined) return this.#jsonLabel(from, to);
    return start === 0 && to !== undefined ? this.#firstItems(to) : "";
  }

  #walk(to: number): void {
    const { ranks } = this.#outline;
    for (; this.#walked <= to; this.#walked++) {
      const rank = ranks[this.#walked]!;
      this.#latest.length = Math.min(this.#latest.length, rank);
      this.#latest[rank] = this.#walked;
    }
  }

  #textLabel(start: number, from: number | undefined, to: number | undefined): string {
    const { ordinals } = this.#outline;
    const first = from !== undefined ? ordinals[from]! + 1 : start === 0 ? 1 : undefined;
    const lines = to === undefined ? `from line ${first}` : `lines ${first}-${ordinals[to]!}`;
    const heading = this.#headingAt(start, from);
    return [heading, first === undefined ? "" : lines].filter((one) => one !== "").join(", ");
  }

  /** Returns the heading that a part begins with or continues; empty if there is none. */
  #headingAt(start: number, from: number | undefined): string {
    if (headingAt(this.#text, start) > 0) return this.#lineAt(start);
    if (from === undefined) return "";
    for (let rank = maxHeading; rank > 0; rank--) {
      const index = this.#latest[rank];
      if (index !== undefined) return this.#lineAt(this.#outline.offsets[index]!);
    }
    return "";
  }

  #lineAt(offset: number): string {
    const [line = ""] = this.#text.slice(offset, offset + 4 * maxName).split("\n");
    return shortName(line.replace(/^#+\s*/, ""));
  }

  #firstItems(to: number): string {
    const { ranks, keyed, ordinals } = this.#outline;
    return ranks[to] === 1 && !keyed[to] ? `.[0:${ordinals[to]}]` : "";
  }

  #jsonLabel(from: number, to: number | undefined): string {
    const { ranks, ordinals, keyed } = this.#outline;
    const rank = ranks[from]!;
    let path = "";
    for (let above = 1; above < rank; above++) path += this.#stepTo(this.#latest[above]);
    if (keyed[from]) return path + this.#stepTo(from);
    const end = to !== undefined && ranks[to] === rank ? ordinals[to]! : "";
    return `${path === "" ? "." : path}[${ordinals[from]!}:${end}]`;
  }

  /** Returns the step of a path to a block: `.users` or `[3]`. */
  #stepTo(index: number | undefined): string {
    if (index === undefined) return "";
    const { keyed, offsets, ordinals } = this.#outline;
    if (!keyed[index]) return `[${ordinals[index]}]`;
    const begin = offsets[index]!;
    const key = /^\s*"((?:[^"\\]|\\.)*)/.exec(this.#text.slice(begin, begin + 4 * maxName));
    return `.${shortName(key?.[1] ?? "")}`;
  }
}

/** Returns a name out of a text as a short line. Texts are somebody else's (T211). */
export function shortName(name: string, most = maxName): string {
  const line = name
    .replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
  return [...line].length > most ? `${[...line].slice(0, most - 1).join("")}…` : line;
}
