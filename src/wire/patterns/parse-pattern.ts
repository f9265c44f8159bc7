import {
  type CharSet,
  complementOf,
  digits,
  lineEnds,
  spaces,
  unionOf,
  withBothCases,
  wordCharacters,
} from "./char-set.ts";

/** A pattern as a tree. */
export type PatternNode =
  | { is: "set"; set: CharSet }
  | { is: "sequence" | "choice"; parts: readonly PatternNode[] }
  | { is: "repeat"; part: PatternNode; least: number; most: number | undefined }
  | { is: "assertion"; at: Assertion };

/** A place in a text: the begin or end of a line, between a word and something else, or not there. */
export type Assertion = "lineStart" | "lineEnd" | "wordEdge" | "noWordEdge";

/** A pattern cannot be used. The message tells the reason. */
export class PatternFault extends Error {
  override readonly name = "PatternFault";
}

/** The most times that a part of a pattern is repeated by number. */
const mostRepeats = 1000;
/** The most levels of groups. */
const maxDepth = 50;

const escapes: Readonly<Record<string, CharSet>> = {
  d: digits,
  D: complementOf(digits),
  w: wordCharacters,
  W: complementOf(wordCharacters),
  s: spaces,
  S: complementOf(spaces),
};

const characters: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, 0: 0 };

/**
 * Reads a regular expression: characters, sets, groups, `|`, `? * + {n,m}`, `^ $ \b`, `(?i)` at the beginning. What needs
 * memory of earlier matches is refused: back references and looking around.
 *
 * @throws PatternFault
 */
export function parsePattern(pattern: string): PatternNode {
  const isCaseless = pattern.startsWith("(?i)");
  const parser = new PatternParser(isCaseless ? pattern.slice(4) : pattern, isCaseless);
  return parser.parse();
}

class PatternParser {
  readonly #text: string;
  readonly #isCaseless: boolean;
  #at = 0;
  #depth = 0;

  constructor(text: string, isCaseless: boolean) {
    this.#text = text;
    this.#isCaseless = isCaseless;
  }

  parse(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#text.length) throw new PatternFault('there is a ")" without its "("');
    return node;
  }

  #choice(): PatternNode {
    const parts = [this.#sequence()];
    while (this.#take("|")) parts.push(this.#sequence());
    return parts.length === 1 ? parts[0]! : { is: "choice", parts };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    for (let next = this.#peek(); next !== undefined && next !== "|" && next !== ")"; next = this.#peek())
      parts.push(this.#repeated(this.#atom()));
    return { is: "sequence", parts };
  }

  #atom(): PatternNode {
    const character = this.#next();
    if (character === "(") return this.#group();
    if (character === "[") return this.#set(this.#class());
    if (character === ".") return this.#set(complementOf(lineEnds));
    if (character === "^") return { is: "assertion", at: "lineStart" };
    if (character === "$") return { is: "assertion", at: "lineEnd" };
    if ("*+?".includes(character)) throw new PatternFault(`nothing to repeat before "${character}"`);
    if (character !== "\\") return this.#set(setOf(character.charCodeAt(0)));
    if (this.#take("b")) return { is: "assertion", at: "wordEdge" };
    if (this.#take("B")) return { is: "assertion", at: "noWordEdge" };
    return this.#set(this.#escape());
  }

  #group(): PatternNode {
    if (++this.#depth > maxDepth) throw new PatternFault(`groups have more than ${maxDepth} levels`);
    if (this.#take("?") && !this.#take(":")) {
      const name = /^<[A-Za-z_]\w{0,50}>/.exec(this.#text.slice(this.#at));
      if (!name) throw new PatternFault("looking around and flags of a group are not supported");
      this.#at += name[0].length;
    }
    const node = this.#choice();
    if (!this.#take(")")) throw new PatternFault('a "(" has no ")"');
    this.#depth--;
    return node;
  }

  #repeated(part: PatternNode): PatternNode {
    let node = part;
    for (let bounds = this.#bounds(); bounds; bounds = this.#bounds()) {
      // Which match is found first does not matter here.
      this.#take("?");
      node = { is: "repeat", part: node, ...bounds };
    }
    return node;
  }

  #bounds(): { least: number; most: number | undefined } | undefined {
    if (this.#take("*")) return { least: 0, most: undefined };
    if (this.#take("+")) return { least: 1, most: undefined };
    if (this.#take("?")) return { least: 0, most: 1 };
    const found = /^\{(\d{1,9})(,(\d{1,9})?)?\}/.exec(this.#text.slice(this.#at, this.#at + 24));
    if (!found) return undefined;
    this.#at += found[0].length;
    const least = Number(found[1]);
    const most = found[2] === undefined ? least : found[3] === undefined ? undefined : Number(found[3]);
    if (Math.max(least, most ?? 0) > mostRepeats)
      throw new PatternFault(`${found[0]} repeats more than ${mostRepeats} times`);
    if (most !== undefined && most < least)
      throw new PatternFault(`${found[0]} has its numbers the wrong way round`);
    return { least, most };
  }

  #class(): CharSet {
    const isNegated = this.#take("^");
    const sets: CharSet[] = [];
    while (!this.#take("]")) {
      const first = this.#classPart();
      const begin = codeOf(first);
      const isRange =
        begin !== undefined && this.#peek() === "-" && ![undefined, "]"].includes(this.#text[this.#at + 1]);
      if (!isRange) {
        sets.push(first);
        continue;
      }
      this.#next();
      const end = codeOf(this.#classPart());
      if (end === undefined || end < begin)
        throw new PatternFault("a range in [] has its ends the wrong way round");
      sets.push([[begin, end]]);
    }
    const set = unionOf(...sets);
    return isNegated ? complementOf(this.#isCaseless ? withBothCases(set) : set) : set;
  }

  #classPart(): CharSet {
    const character = this.#next();
    if (character !== "\\") return setOf(character.charCodeAt(0));
    return this.#take("b") ? setOf(8) : this.#escape();
  }

  /** Reads what is behind a backslash. */
  #escape(): CharSet {
    const code = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))/.exec(this.#text.slice(this.#at, this.#at + 5));
    if (code) {
      this.#at += code[0].length;
      return setOf(Number.parseInt(code[1] ?? code[2]!, 16));
    }
    const character = this.#next();
    if (Object.hasOwn(escapes, character)) return escapes[character]!;
    if (Object.hasOwn(characters, character)) return setOf(characters[character]!);
    if (/[A-Za-z1-9]/.test(character)) throw new PatternFault(`\\${character} is not supported`);
    return setOf(character.charCodeAt(0));
  }

  #set(set: CharSet): PatternNode {
    return { is: "set", set: this.#isCaseless ? withBothCases(set) : set };
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }

  #next(): string {
    const character = this.#text[this.#at++];
    if (character === undefined) throw new PatternFault("it ends too early");
    return character;
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }
}

function setOf(code: number): CharSet {
  return [[code, code]];
}

/** Returns the code of a set of one; undefined for others. */
function codeOf([range, ...more]: CharSet): number | undefined {
  return range && more.length === 0 && range[0] === range[1] ? range[0] : undefined;
}
