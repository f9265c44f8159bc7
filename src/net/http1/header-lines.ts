import { joined, parseHeaders, trimmed } from "./fields.ts";

/** The headers of a message. Names are in lower case. */
export type HeaderFields = Pick<ReadonlyMap<string, string>, "get" | "has"> & Iterable<[string, string]>;

/** The texts that are looked for, by names of headers. */
const needles = new Map<string, string>();

/**
 * The headers of a checked head, in its text. Of the twenty or more that a head has, a call asks for a few: to look for these
 * takes a fraction of what a table of all takes. A repeated header is joined by ", ".
 */
export class HeaderLines implements HeaderFields {
  /** Each line behind a line feed. */
  readonly #text: string;
  /** The same in lower case: no letter becomes longer, because a head has one byte for each. */
  readonly #lower: string;

  /** @param lines checked lines without the end of the last one */
  constructor(lines: string) {
    this.#text = `\n${lines}`;
    this.#lower = this.#text.toLowerCase();
  }

  /** @param name in lower case */
  get(name: string): string | undefined {
    const needle = needleOf(name);
    const lower = this.#lower;
    let value: string | undefined;
    for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, at + 1))
      value = joined(value, this.#valueFrom(at + needle.length));
    return value;
  }

  has(name: string): boolean {
    return this.#lower.includes(needleOf(name));
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return parseHeaders(this.#text.slice(1)).entries();
  }

  /** Returns the headers whose names have a text in them. */
  naming(part: string): [string, string][] {
    const lower = this.#lower;
    const found = new Map<string, string>();
    for (let at = lower.indexOf(part); at >= 0; ) {
      const start = lower.lastIndexOf("\n", at) + 1;
      const name = lower.slice(start, lower.indexOf(":", start));
      const end = start + name.length;
      if (at < end) found.set(name, joined(found.get(name), this.#valueFrom(end + 1)));
      // Each line is looked at once, however often the text is in its value.
      const next = lower.indexOf("\n", at);
      at = next < 0 ? -1 : lower.indexOf(part, next);
    }
    return [...found];
  }

  #valueFrom(start: number): string {
    const end = this.#text.indexOf("\r", start);
    return trimmed(this.#text, start, end < 0 ? this.#text.length : end);
  }
}

/** The most names that are remembered, of those that programs ask for. */
const mostNeedles = 1000;

function needleOf(name: string): string {
  let needle = needles.get(name);
  if (needle === undefined) {
    needle = `\n${name}:`;
    if (needles.size < mostNeedles) needles.set(name, needle);
  }
  return needle;
}

/** Returns the headers whose names have a text in them, in lower case. */
export function headersNaming(headers: HeaderFields, part: string): [string, string][] {
  if (headers instanceof HeaderLines) return headers.naming(part);
  return [...headers].filter(([name]) => name.includes(part));
}
