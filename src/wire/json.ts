import { AppError } from "../errors.ts";
import type { LongTexts } from "./long-texts.ts";
import { nextTurn } from "./next-turn.ts";

/** A key of the top-level object, and the place of its value in the text: [start, end). */
export interface JsonMember {
  key: string;
  start: number;
  end: number;
}

export interface JsonScan {
  /** In the order of the text. A repeated key is here as often as it is in the text. */
  members: JsonMember[];
  /** The index just inside the opening brace. */
  inside: number;
  /** Number of elements and keys, at all depths. */
  items: number;
}

/** A JSON object with its text. */
export interface ScannedJson {
  body: Record<string, unknown>;
  text: string;
  /** The positions of its top-level fields in `text`. */
  scan: JsonScan;
  /** Long texts that were cut out: `text` and `body` have marks in their place. */
  long?: LongTexts;
}

const space = 32;
const quote = 34;
const comma = 44;
const colon = 58;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/** Elements and keys that JSON of somebody else may have. Values of 33 MB in few of them cost little; many small ones do. */
export const maxJsonItems = 100_000;
/** A text with more elements and keys is handled in several turns of the event loop, however short it is. */
export const manyItems = 10_000;
/** Characters outside strings that JSON of somebody else may have: digits, white space, brackets. */
export const maxJsonStructure = 4 * 1024 * 1024;
/** Escapes such as `\n` that the strings of JSON may have: each takes as long to parse as dozens of plain characters. */
export const maxJsonEscapes = 1_000_000;
/** Different keys that a text may have: the parser takes longest for those, 20 to 30 ms for so many. */
export const maxDifferentKeys = 30_000;
/** Characters of the top-level fields that `shortFields` parses. */
const longestField = 64 * 1024;
/** A string costs as much as so many characters outside strings. */
export const stringCharacters = 4;
/** A scan in turns ends a turn of the event loop after so many milliseconds. It looks at the time after so many characters. */
const turnMilliseconds = 8;
const stepCharacters = 16 * 1024;

/** The limits of JSON text (T60). */
export interface JsonLimits {
  maxDepth: number;
  maxItems?: number;
  maxStructure?: number;
  /** The most keys; as many as elements if not given. An object of many keys takes far longer to parse than numbers do. */
  maxKeys?: number;
  /** The most escapes in strings of a long text. */
  maxEscapes?: number;
  /** Name of the text in errors; "the body" if not given. */
  subject?: string;
  /** Refuses a key that appears twice in one object: two readers could disagree on it (T61). */
  rejectDuplicateKeys?: boolean;
}

/**
 * Finds the keys of the top-level object in JSON text, in one pass that neither recurses nor looks into strings.
 * Callers parse the text as well: JSON.parse refuses what is not JSON.
 *
 * @throws AppError `invalid_request` if the text is not an object or exceeds a limit
 */
export function scanJson(text: string, limits: JsonLimits): JsonScan {
  return new JsonScanner(text, limits).read(Number.POSITIVE_INFINITY)!;
}

/** Does the same in several turns of the event loop, for a text that may be large. */
export async function scanJsonInTurns(text: string, limits: JsonLimits): Promise<JsonScan> {
  const scanner = new JsonScanner(text, limits);
  while (true) {
    const end = performance.now() + turnMilliseconds;
    do {
      const scan = scanner.read(stepCharacters);
      if (scan) return scan;
    } while (performance.now() < end);
    await nextTurn();
  }
}

class JsonScanner {
  readonly #text: string;
  readonly #limits: JsonLimits;
  /** Finds ends of strings and counts escapes. Undefined for a text too short to have more than are allowed. */
  readonly #countedEnd: ((start: number, escapes: number) => number | undefined) | undefined;
  /** The keys so far, of a text that is long enough to have more than are allowed. */
  readonly #keysSeen: Set<string> | undefined;
  readonly #scan: JsonScan;
  /** One entry per open bracket: the keys seen in an object, where they matter; null for an array. */
  readonly #open: (Set<string> | undefined | null)[] = [];
  #at: number;
  #items = 0;
  #keys = 0;
  #structure = 0;
  #keyNext = false;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
    const { maxEscapes = maxJsonEscapes } = limits;
    if (text.length > 2 * maxEscapes) this.#countedEnd = this.#countedStrings(maxEscapes);
    // A key that differs from all others has five characters with its quotes and colon, on average.
    if (text.length > 6 * maxDifferentKeys) this.#keysSeen = new Set();
    this.#at = this.#skipSpace(0);
    if (text.charCodeAt(this.#at) !== openBrace)
      throw refused(`${limits.subject ?? "the body"} must be a JSON object`);
    this.#scan = { members: [], inside: this.#at + 1, items: 0 };
  }

  /** Reads on, past so many characters outside strings, or escapes, at most. Returns undefined if there are more. */
  read(characters: number): JsonScan | undefined {
    const text = this.#text;
    const scan = this.#scan;
    const open = this.#open;
    const countedEnd = this.#countedEnd;
    const { maxDepth, maxItems = maxJsonItems, rejectDuplicateKeys = false } = this.#limits;
    const { maxStructure = maxJsonStructure, maxKeys = maxItems, subject = "the body" } = this.#limits;
    const most = Math.min(characters, maxStructure - this.#structure);
    let left = most;
    let items = this.#items;
    let keyNext = this.#keyNext;
    let at = this.#at;
    for (; at < text.length && left > 0; at++, left--) {
      const code = text.charCodeAt(at);
      if (code === quote) {
        const end = countedEnd === undefined ? stringEnd(text, at) : countedEnd(at, characters);
        if (end === undefined) break;
        if (keyNext && ++this.#keys > maxKeys) throw this.#excess(`more than ${maxKeys} keys`);
        if (
          keyNext &&
          this.#keysSeen?.add(text.slice(at + 1, end - 1)) &&
          this.#keysSeen.size > maxDifferentKeys
        )
          throw this.#excess(`more than ${maxDifferentKeys} different keys`);
        if (keyNext && (rejectDuplicateKeys || open.length === 1)) {
          const key = unescaped(text.slice(at + 1, end - 1));
          addKey(open.at(-1), key);
          if (open.length === 1) scan.members.push({ key, start: end, end });
        }
        keyNext = false;
        at = end - 1;
        left -= stringCharacters;
      } else if (code === openBrace || code === openBracket) {
        if (open.length === maxDepth) throw refused(`${subject} is nested deeper than ${maxDepth} levels`);
        if (++items > maxItems) throw this.#excess(`more than ${maxItems} elements and keys`);
        open.push(code !== openBrace ? null : rejectDuplicateKeys ? new Set() : undefined);
        keyNext = code === openBrace;
      } else if (code === colon) {
        keyNext = false;
        if (open.length === 1) {
          const member = scan.members.at(-1);
          if (!member) throw notJson();
          member.start = this.#skipSpace(at + 1);
          left -= member.start - at - 1;
          at = member.start - 1;
        }
      } else if (code === comma || code === closeBrace || code === closeBracket) {
        const member = scan.members.at(-1);
        if (open.length === 1 && member) member.end = trimSpace(text, at, member.start);
        if (code === comma) {
          if (++items > maxItems) throw this.#excess(`more than ${maxItems} elements and keys`);
          keyNext = open.at(-1) !== null;
        } else if (open.length === 1) {
          scan.items = items;
          return scan;
        } else open.pop();
      }
    }
    if (at >= text.length) throw notJson();
    this.#structure += most - left;
    if (this.#structure >= maxStructure)
      throw this.#excess(`more than ${maxStructure} characters outside strings`);
    this.#items = items;
    this.#keyNext = keyNext;
    this.#at = at;
    return undefined;
  }

  #countedStrings(maxEscapes: number): ReturnType<typeof countedStrings> {
    return countedStrings(this.#text, maxEscapes, () =>
      this.#excess(`more than ${maxEscapes} escapes in its strings`),
    );
  }

  /** Returns the index of the first character that is not white space. */
  #skipSpace(from: number): number {
    const { maxStructure = maxJsonStructure } = this.#limits;
    const end = Math.min(this.#text.length, from + maxStructure);
    let at = from;
    while (at < end && this.#text.charCodeAt(at) <= space) at++;
    if (at < this.#text.length && at === end)
      throw this.#excess(`more than ${maxStructure} characters outside strings`);
    return at;
  }

  #excess(what: string): AppError {
    return refused(`${this.#limits.subject ?? "the body"} has ${what}`);
  }
}

/**
 * Returns a function that does what `stringEnd` does, and throws `tooMany` for too many escapes in all strings. It returns
 * undefined after the escapes of one call, and goes on at the next call with the same start.
 */
function countedStrings(text: string, most: number, tooMany: () => AppError) {
  let escapes = 0;
  let slash = 0;
  let opened = -1;
  let from = 0;
  let end = 0;
  return (start: number, escapesAtOnce: number): number | undefined => {
    if (start !== opened) {
      opened = start;
      from = start + 1;
      end = text.indexOf('"', from);
    }
    for (let left = escapesAtOnce; end !== -1; left--) {
      // A search is repeated only after its result has been passed: otherwise the time would be quadratic.
      if (slash !== -1 && slash < from) slash = text.indexOf("\\", from);
      if (slash === -1 || slash > end) return end + 1;
      if (left <= 0) return undefined;
      if (++escapes > most) throw tooMany();
      from = slash + 2;
      if (end < from) end = text.indexOf('"', from);
    }
    throw notJson();
  };
}

/** The short top-level fields of an object, parsed, and the long ones as their text. */
export interface ShortFields {
  fields: Record<string, unknown>;
  rest: ReadonlyMap<string, string>;
}

/** Parses the short top-level fields of an object. Throws SyntaxError. */
export function shortFields(text: string, { members }: JsonScan): ShortFields {
  const fields: [string, unknown][] = [];
  const rest = new Map<string, string>();
  for (const { key, start, end } of members) {
    const value = text.slice(start, end);
    if (value.length > longestField) rest.set(key, value);
    else fields.push([key, JSON.parse(value)]);
  }
  return { fields: Object.fromEntries(fields), rest };
}

/** Returns true for a JSON object: not for null, and not for an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Limits of JSON that a provider, a model or a server wrote. Its answer may contain a request, which has 64 levels. */
export const foreignLimits = {
  maxDepth: 100,
  maxKeys: 50_000,
  maxStructure: 2 * 1024 * 1024,
  subject: "the JSON",
} as const satisfies JsonLimits;
/** A text of so many characters cannot be nested so deeply that reading or writing it costs much. */
const shortText = 1024;

/**
 * Refuses JSON of somebody else before it is parsed: 10 MB of brackets would take seconds and 1 GB (T60).
 *
 * @throws AppError `invalid_request` if it exceeds a limit. Text that is not JSON is left to the parser
 */
export function refuseExcess(text: string, limits: Partial<JsonLimits> = {}): void {
  if (text.length <= shortText) return;
  try {
    scanJson(/^\s*\{/.test(text) ? text : `{"":${text}}`, { ...foreignLimits, ...limits });
  } catch (error) {
    if ((error as AppError).message !== notJson().message) throw error;
  }
}

/**
 * Parses JSON text of somebody else. Returns the object or array in it; undefined for anything else, and for text that
 * exceeds the limits.
 *
 * @param limits `"within limits"` if a `JsonMeter` has found the text harmless
 */
export function parsedObject(
  text: string,
  limits: Partial<JsonLimits> | "within limits" = {},
  parse: (text: string) => unknown = JSON.parse,
): object | undefined {
  try {
    if (limits !== "within limits") refuseExcess(text, limits);
    const value = parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Parses the short top-level fields of an object of somebody else, which may be long. Returns undefined for what is no
 * object, and for text that exceeds the limits.
 */
export function shortFieldsOf(text: string, limits: Partial<JsonLimits> = {}): ShortFields | undefined {
  try {
    return shortFields(text, scanJson(text, { ...foreignLimits, ...limits }));
  } catch {
    return undefined;
  }
}

/** Returns the index after the closing quote of the string that opens at `start`. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === backslash) slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
  throw notJson();
}

function unescaped(raw: string): string {
  if (!raw.includes("\\")) return raw;
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    throw notJson();
  }
}

function addKey(keys: Set<string> | undefined | null, key: string): void {
  if (keys?.has(key))
    throw refused(`the key ${JSON.stringify(key.slice(0, 100))} appears twice in one object`);
  keys?.add(key);
}

function trimSpace(text: string, end: number, start: number): number {
  let at = end;
  while (at > start && text.charCodeAt(at - 1) <= space) at--;
  return at;
}

function notJson(): AppError {
  return refused("the body is not valid JSON");
}

function refused(message: string): AppError {
  return new AppError("invalid_request", message, { details: [{ path: "", message }] });
}
