import { type Data, Refusal } from "./logical.ts";
import type { WireRequest } from "./wire.ts";

const maxStrings = 1000;
const mergePatch = "application/merge-patch+json";

/** Parses the body of a write. Throws a Refusal if it is not JSON, not an object, or too large. */
export function parseBody({ method, headers, body }: WireRequest): Data {
  const type = (headers["content-type"] ?? "").replace(/;.*/s, "").trim().toLowerCase();
  if (method === "PATCH") {
    if (type === "") throw new Refusal(400, "mime: no media type");
    if (type !== mergePatch)
      throw new Refusal(415, `PATCH requires Content-Type of ${mergePatch}, provided ${type}`);
  }
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(body);
  if (type === "application/x-www-form-urlencoded" && !/^[ \t\r\n]*([[{]|$)/.test(text)) return form(text);
  const first = firstValue(text);
  if (first === undefined) return {};
  const value: unknown = JSON.parse(first, (_, one) => (typeof one === "string" ? one.toWellFormed() : one));
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value))
    throw new Refusal(
      400,
      `failed to decode JSON input: json: cannot unmarshal ${kind(value)} into Go value of type map[string]interface {}`,
    );
  return value as Data;
}

function form(text: string): Data {
  const values = new URLSearchParams(text);
  return Object.fromEntries([...new Set(values.keys())].map((name) => [name, values.getAll(name).join(",")]));
}

function kind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

const space = /[ \t\r\n]*/y;
const plain = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]/y;
const unescaped = /[^"\\\u0000-\u001f]*/y;
const escaped = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;

/** Returns the end of a match that starts at a position; undefined if the pattern does not match there. */
function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

/** Returns the end of the string that starts at a position; undefined if it is not a string. One pattern for all of it would run out of stack. */
function endOfString(text: string, start: number): number | undefined {
  let at: number | undefined = start + 1;
  while (at !== undefined) {
    at = endOf(unescaped, text, at)!;
    if (text[at] === '"') return at + 1;
    at = endOf(escaped, text, at);
  }
  return undefined;
}

/** States of the parser: the tokens that may follow, and the error of a real server for other tokens. */
const expectations = {
  value: " looking for beginning of value",
  "first element": " looking for beginning of value",
  "element's end": " after array element",
  "first key": "",
  key: " looking for beginning of object key string",
  colon: " after object key",
  "pair's end": " after object key:value pair",
};
type Expected = keyof typeof expectations;

/**
 * Returns the text of the first JSON value, which alone is used; undefined if there is none. The text after it counts
 * towards the number of strings, and must be JSON too.
 */
function firstValue(text: string): string | undefined {
  const open: ("{" | "[")[] = [];
  let expected: Expected = "value";
  let strings = 0;
  let start: number | undefined;
  let end: number | undefined;
  for (let at = endOf(space, text, 0)!; at < text.length; ) {
    const isString = text[at] === '"';
    const lexemeEnd = isString ? endOfString(text, at) : endOf(plain, text, at);
    const next: Expected | undefined =
      lexemeEnd === undefined
        ? undefined
        : follow(expected, isString ? '"' : text.slice(at, lexemeEnd), open);
    if (lexemeEnd === undefined || next === undefined) throw undecodable(text.slice(at), expected);
    start ??= at;
    if (isString && ++strings > maxStrings)
      throw new Refusal(400, "refused JSON input due to high complexity: exceeded maximum number of strings");
    expected = next;
    if (open.length === 0) end ??= lexemeEnd;
    at = endOf(space, text, lexemeEnd)!;
  }
  if (start === undefined) return undefined;
  if (end === undefined) throw cut;
  return text.slice(start, end);
}

/** Returns the next state after a token; undefined if the token may not come here. */
function follow(expected: Expected, found: string, open: ("{" | "[")[]): Expected | undefined {
  const ended = () => ({ "{": "pair's end", "[": "element's end", "": "value" }) as const;
  const takesValue = expected === "value" || expected === "first element";
  const closes =
    (found === "]" && ["first element", "element's end"].includes(expected)) ||
    (found === "}" && ["first key", "pair's end"].includes(expected));
  if (closes) {
    open.pop();
    return ended()[open.at(-1) ?? ""];
  }
  if (takesValue && (found === "{" || found === "[")) {
    open.push(found);
    return found === "{" ? "first key" : "first element";
  }
  if (takesValue && !/^[}\],:]$/.test(found)) return ended()[open.at(-1) ?? ""];
  if ((expected === "first key" || expected === "key") && found === '"') return "colon";
  if (expected === "colon" && found === ":") return "value";
  if (expected === "pair's end" && found === ",") return "key";
  return expected === "element's end" && found === "," ? "value" : undefined;
}

const cut = new Refusal(400, "failed to decode JSON input: unexpected EOF");

/** Returns the error of a real server for text that is not JSON from a position on. */
function undecodable(rest: string, expected: Expected): Refusal {
  const refusal = (character: string, where: string) =>
    new Refusal(400, `failed to decode JSON input: invalid character ${goCharacter(character)}${where}`);
  const mayBeValue = expected === "value" || expected === "first element";
  if (rest[0] === '"' && (mayBeValue || expected.endsWith("key"))) {
    let at = endOf(unescaped, rest, 1)!;
    for (let next = endOf(escaped, rest, at); next !== undefined; next = endOf(escaped, rest, at))
      at = endOf(unescaped, rest, next)!;
    const odd = rest[at];
    return odd === undefined || odd === "\\" ? cut : refusal(odd, " in string literal");
  }
  const literal = mayBeValue ? ["true", "false", "null"].find((word) => word[0] === rest[0]) : undefined;
  if (literal !== undefined) {
    const wrong = [...literal].findIndex((letter, index) => rest[index] !== letter);
    const next = rest[wrong];
    return next === undefined ? cut : refusal(next, ` in literal ${literal} (expecting '${literal[wrong]}')`);
  }
  return refusal(rest[0]!, expectations[expected]);
}

function goCharacter(character: string): string {
  if (character === "'") return "'\\''";
  if (character === '"') return "'\"'";
  const code = character.codePointAt(0)!;
  return code < 0x20 || code === 0x7f ? `'\\x${code.toString(16).padStart(2, "0")}'` : `'${character}'`;
}
