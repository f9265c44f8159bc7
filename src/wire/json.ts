import { AppError } from "../errors.ts";

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
}

/** A JSON object with its text. */
export interface ScannedJson {
  body: Record<string, unknown>;
  text: string;
  /** The positions of its top-level fields in `text`. */
  scan: JsonScan;
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

/**
 * Finds the keys of the top-level object in JSON text, in one pass that neither recurses nor looks into strings.
 * Callers parse the text as well: JSON.parse refuses what is not JSON.
 *
 * @throws AppError `invalid_request` when the text is no object, is nested deeper than `maxDepth`, has more elements
 *   and keys than `maxItems` (T60) or, with `rejectDuplicateKeys`, when a key appears twice in one object: two readers could then disagree on it (T61)
 */
export function scanJson(
  text: string,
  options: { maxDepth: number; maxItems?: number; rejectDuplicateKeys?: boolean },
): JsonScan {
  const { maxDepth, maxItems = maxJsonItems, rejectDuplicateKeys = false } = options;
  let items = 0;
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== openBrace) throw refused("the body must be a JSON object");
  const scan: JsonScan = { members: [], inside: at + 1 };
  /** One entry per open bracket: the keys seen in an object, where they matter; null for an array. */
  const open: (Set<string> | undefined | null)[] = [];
  let keyNext = false;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      const end = stringEnd(text, at);
      if (keyNext && (rejectDuplicateKeys || open.length === 1)) {
        const key = unescaped(text.slice(at + 1, end - 1));
        addKey(open.at(-1), key);
        if (open.length === 1) scan.members.push({ key, start: end, end });
      }
      at = end - 1;
    } else if (code === openBrace || code === openBracket) {
      if (open.length === maxDepth) throw refused(`the body is nested deeper than ${maxDepth} levels`);
      if (++items > maxItems) throw tooMany(maxItems);
      open.push(code !== openBrace ? null : rejectDuplicateKeys ? new Set() : undefined);
      keyNext = code === openBrace;
    } else if (code === colon) {
      keyNext = false;
      if (open.length === 1) {
        const member = scan.members.at(-1);
        if (!member) throw notJson();
        member.start = skipSpace(text, at + 1);
      }
    } else if (code === comma || code === closeBrace || code === closeBracket) {
      const member = scan.members.at(-1);
      if (open.length === 1 && member) member.end = trimSpace(text, at, member.start);
      if (code === comma) {
        if (++items > maxItems) throw tooMany(maxItems);
        keyNext = open.at(-1) !== null;
      } else if (open.length === 1) return scan;
      else open.pop();
    }
  }
  throw notJson();
}

/**
 * Replaces values of the top-level object in JSON text; keys that the text lacks become its first ones. Every other
 * byte stays: big integers, the order of keys, white space. A value of undefined changes nothing.
 */
export function spliceTopLevel(text: string, scan: JsonScan, values: Record<string, unknown>): string {
  const texts = new Map<string, string>();
  for (const [key, value] of Object.entries(values))
    if (value !== undefined) texts.set(key, JSON.stringify(value));
  return spliceTexts(text, scan, texts);
}

/** Does the same with values that are JSON text already. */
export function spliceTexts(text: string, scan: JsonScan, texts: ReadonlyMap<string, string>): string {
  const missing = new Map(texts);
  let rest = "";
  let from = scan.inside;
  for (const { key, start, end } of scan.members) {
    const value = texts.get(key);
    if (value === undefined) continue;
    rest += text.slice(from, start) + value;
    from = end;
    missing.delete(key);
  }
  rest += text.slice(from);
  const added = Array.from(missing, ([key, value]) => `${JSON.stringify(key)}:${value}`);
  const separator = added.length > 0 && scan.members.length > 0 ? "," : "";
  return text.slice(0, scan.inside) + added.join(",") + separator + rest;
}

/** Removes a key of the top-level object from JSON text. Every other byte stays, but for one comma. */
export function withoutTopLevel(text: string, scan: JsonScan, key: string): string {
  let rest = text.slice(0, scan.inside);
  let isFirst = true;
  let from = scan.inside;
  for (const member of scan.members) {
    if (member.key !== key) {
      const piece = text.slice(from, member.end);
      rest += isFirst ? piece.replace(/^\s*,/, "") : piece;
      isFirst = false;
    }
    from = member.end;
  }
  return rest + text.slice(from);
}

/** JSON.rawJSON and a reviver that sees the source, which TypeScript's library does not describe yet. */
const exactJson = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
};

/**
 * Parses JSON and keeps the digits of integers beyond 2^53: JSON.stringify writes them as they were. Such a number is
 * an opaque object in between.
 *
 * @throws SyntaxError
 */
export function parseExact(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return exactJson.parse(text, (_key, value, { source }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && source && /^-?\d+$/.test(source)
      ? exactJson.rawJSON(source)
      : value,
  );
}

/** Returns true for a JSON object: not for null, and not for an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parses JSON text. Returns the object or array in it; undefined for anything else. */
export function parsedObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
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

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) <= space) at++;
  return at;
}

function trimSpace(text: string, end: number, start: number): number {
  let at = end;
  while (at > start && text.charCodeAt(at - 1) <= space) at--;
  return at;
}

function tooMany(most: number): AppError {
  return refused(`the body has more than ${most} elements and keys`);
}

function notJson(): AppError {
  return refused("the body is not valid JSON");
}

function refused(message: string): AppError {
  return new AppError("invalid_request", message, { details: [{ path: "", message }] });
}
