import {
  isMap,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  stringify,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { AppError } from "../../../../errors.ts";
import { isObject } from "../../../../wire/json.ts";

/** Parses YAML whose root is a map. Throws AppError `invalid_request` with the line of the first fault. */
export function parseYaml(text: string): Record<string, unknown> {
  const document = parseDocument(text);
  const [fault] = document.errors;
  if (fault) throw new AppError("invalid_request", `is not YAML: ${fault.message.split("\n")[0]}`);
  const values: unknown = document.toJS({ maxAliasCount: 100 }) ?? {};
  if (isObject(values)) return values;
  throw new AppError("invalid_request", "the file is not a map");
}

/**
 * Sets a value in a text that is valid YAML. All else stays as it is, byte by byte.
 *
 * @param path a key at the root, of a scalar; or such a key of a list and `=NAME`, for its entry of that name
 */
export function setYaml(text: string, [key = "", entry]: readonly string[], value: unknown): string {
  return entry === undefined ? setScalar(text, key, value) : setEntry(text, key, entry.slice(1), value);
}

/** Removes a value from a text. All else stays as it is, byte by byte. */
export function removeYaml(text: string, [key = "", entry]: readonly string[]): string {
  const pair = pairOf(text, key);
  if (!isScalar(pair?.key) || !pair.key.range) return text;
  const start = lineStart(text, pair.key.range[0]);
  if (entry === undefined)
    return isScalar(pair.value) && pair.value.range ? cut(text, start, pair.value.range[1]) : text;
  const list = isSeq(pair.value) ? pair.value : undefined;
  const found = list && entryOf(text, list, entry.slice(1));
  if (!found) return text;
  return list.items.length === 1
    ? cut(text, start, found.end)
    : text.slice(0, found.start) + text.slice(found.end);
}

function setScalar(text: string, key: string, value: unknown): string {
  const written = stringify(value).trimEnd();
  const node = pairOf(text, key)?.value;
  if (!isScalar(node) || !node.range)
    return `${ended(text)}${stringify(key).trimEnd()}: ${written}${lineEndOf(text)}`;
  const [start, end] = node.range;
  // A key without a value has no space after it.
  const gap = start === end && text[start - 1] === ":" ? " " : "";
  return text.slice(0, start) + gap + written + text.slice(end);
}

function setEntry(text: string, key: string, name: string, value: unknown): string {
  const pair = pairOf(text, key);
  if (!pair) return `${ended(text)}${key}:${lineEndOf(text)}${entryText(text, value, "  ")}`;
  const list = isSeq(pair.value) ? (pair.value as YAMLSeq) : undefined;
  if (list && list.items.length > 0 && !list.flow) {
    const same = entryOf(text, list, name);
    const last = placeOf(text, list.items.at(-1));
    const { start, end, indent } = same ?? { ...last, start: last.end };
    return ended(text.slice(0, start)) + entryText(text, value, indent) + text.slice(end);
  }
  const range = isScalar(pair.value) || list?.items.length === 0 ? (pair.value as YAMLSeq).range : undefined;
  if (!range) throw new AppError("invalid_request", `${key} is not a list with a line for each entry`);
  const before = text.slice(0, range[0]).trimEnd();
  const after = text.slice(range[1]).replace(/^\r?\n/, "");
  return `${before}${lineEndOf(text)}${entryText(text, value, "  ")}${after}`;
}

interface Place {
  /** The start of its first line, and that of the line after it. */
  start: number;
  end: number;
  /** The spaces before its dash. */
  indent: string;
}

/** Finds the entry of a list that has a name. */
function entryOf(text: string, { items }: YAMLSeq, name: string): Place | undefined {
  const found = items.find((item) => isMap(item) && item.get("name") === name);
  return found === undefined ? undefined : placeOf(text, found);
}

/** Returns the lines of an entry. Throws AppError if it does not begin with a dash on its own line. */
function placeOf(text: string, item: unknown): Place {
  const { range } = item as YAMLMap;
  const start = lineStart(text, range![0]);
  const [, indent] = /^( *)- +$/.exec(text.slice(start, range![0])) ?? [];
  if (indent === undefined)
    throw new AppError("invalid_request", "a list is not written with one entry a line");
  const last = range![0] + text.slice(range![0], range![1]).trimEnd().length;
  return { start, end: lineAfter(text, last), indent };
}

function entryText(text: string, value: unknown, indent: string): string {
  const lines = stringify(value).trimEnd().split("\n");
  const lineEnd = lineEndOf(text);
  return lines.map((line, i) => `${indent}${i === 0 ? "- " : "  "}${line}${lineEnd}`).join("");
}

function pairOf(text: string, key: string): Pair | undefined {
  const { contents } = parseDocument(text);
  return isMap(contents)
    ? (contents.items.find((pair) => isScalar(pair.key) && pair.key.value === key) as Pair | undefined)
    : undefined;
}

/** Returns a text without the lines from a place to the end of the line of another. */
function cut(text: string, start: number, last: number): string {
  return text.slice(0, start) + text.slice(text[last - 1] === "\n" ? last : lineAfter(text, last));
}

const lineStart = (text: string, at: number) => text.lastIndexOf("\n", at - 1) + 1;

function lineAfter(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : end + 1;
}

const lineEndOf = (text: string) => (text.includes("\r\n") ? "\r\n" : "\n");

/** Returns a text with an end of its last line. */
const ended = (text: string) => (text === "" || text.endsWith("\n") ? text : text + lineEndOf(text));
