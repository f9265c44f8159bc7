import { AppError } from "../../../errors.ts";

/** A header or a pair of a text in TOML. Places are offsets; `end` is after its line end. */
interface Statement {
  /** Of a header the path of its table, of a pair that of its key in the table. */
  path: string[];
  isHeader: boolean;
  start: number;
  end: number;
}

/** A value that our own tables hold. */
export type TomlValue = string | number | boolean | readonly string[];

/** Reads the statements of a text that is valid TOML. */
function scan(text: string): Statement[] {
  const statements: Statement[] = [];
  let at = 0;
  for (;;) {
    at += matchAt(/(?:[ \t\r\n]+|#[^\n]*)*/y, text, at).length;
    if (at >= text.length) break;
    const start = at;
    const head = matchAt(/\[{0,2}[ \t]*(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\]=\n"'])*/y, text, at);
    at += head.length;
    const isHeader = head.startsWith("[");
    at = isHeader ? lineEndAfter(text, at) : lineEndAfter(text, valueEnd(text, at + 1));
    statements.push({ path: keysOf(head.replace(/^\[+/, "")), isHeader, start, end: at });
  }
  return statements;
}

/** Returns the end of a value: the place of the line end, or of the comment, that follows it. */
function valueEnd(text: string, from: number): number {
  let at = from;
  for (let depth = 0; at < text.length; ) {
    const string = matchAt(
      /"""(?:[^\\]|\\[\s\S])*?"{3,5}|'''[\s\S]*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y,
      text,
      at,
    );
    at += string.length;
    if (string !== "") continue;
    const character = text[at]!;
    if (character === "#" && depth > 0) at = lineEndAfter(text, at);
    else if (depth === 0 && /[#\n]/.test(character)) break;
    else {
      if (/[[{]/.test(character)) depth++;
      if (/[\]}]/.test(character)) depth--;
      at++;
    }
  }
  return at;
}

/** Returns what a sticky pattern matches at a place; "" for nothing. */
function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

function lineEndAfter(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : end + 1;
}

/** Returns the keys of a dotted key: `a . "b.c"` is `a` and `b.c`. */
function keysOf(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|([\w-]+)/g)].map(([, basic, literal, bare]) =>
    basic === undefined ? (literal ?? bare!) : (JSON.parse(`"${basic}"`) as string),
  );
}

const starts = (path: readonly string[], table: readonly string[]) =>
  table.every((key, i) => path[i] === key);

/** Returns the pairs of a table, without those of tables in it; undefined if the text has no such table. */
function pairsOf(statements: readonly Statement[], table: readonly string[]): Statement[] | undefined {
  const at = statements.findIndex(
    ({ isHeader, path }) => isHeader && path.length === table.length && starts(path, table),
  );
  if (at === -1) return undefined;
  const next = statements.findIndex(({ isHeader }, i) => i > at && isHeader);
  return statements.slice(at, next === -1 ? undefined : next);
}

/**
 * Sets pairs of a table and removes others, in a text that is valid TOML. The table is added at the end if it is not
 * there. All else stays as it is, byte by byte.
 *
 * @param values by key; undefined removes the pair
 */
export function setPairs(
  text: string,
  table: readonly string[],
  values: Readonly<Record<string, TomlValue | undefined>>,
): string {
  const lineEnd = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  const written = lines.map(([key, value]) => `${keyText(key)} = ${valueText(value)}${lineEnd}`);
  const own = pairsOf(scan(text), table);
  if (!own) {
    const gap = text === "" ? "" : text.endsWith("\n") ? lineEnd : lineEnd + lineEnd;
    return `${text}${gap}[${table.map(keyText).join(".")}]${lineEnd}${written.join("")}`;
  }
  const [header, ...pairs] = own as [Statement, ...Statement[]];
  const replaced = pairs.filter(({ path: [key = ""] }) => Object.hasOwn(values, key));
  let result = text;
  for (const { start, end } of replaced.toReversed()) result = result.slice(0, start) + result.slice(end);
  const head = text.slice(0, header.end);
  return `${head}${head.endsWith("\n") ? "" : lineEnd}${written.join("")}${result.slice(header.end)}`;
}

/** Removes a table, with the tables in it. All else stays as it is, byte by byte. */
export function removeTable(text: string, table: readonly string[]): string {
  const statements = scan(text);
  let result = text;
  for (let i = statements.length - 1; i >= 0; i--) {
    const { isHeader, path, start } = statements[i]!;
    if (!isHeader || !starts(path, table)) continue;
    const next = statements.findIndex((other, j) => j > i && other.isHeader);
    const { end } = statements[(next === -1 ? statements.length : next) - 1]!;
    // With the empty line before it.
    const from = /\n\r?\n$/.test(result.slice(0, start))
      ? start - (result[start - 2] === "\r" ? 2 : 1)
      : start;
    result = result.slice(0, from) + result.slice(end);
  }
  return result;
}

/** Returns a table as text. */
export function tableText(table: readonly string[], values: Readonly<Record<string, TomlValue>>): string {
  return setPairs("", table, values);
}

/** Parses TOML. Throws AppError `invalid_request` with the parser's words. */
export function parseToml(text: string): Record<string, unknown> {
  try {
    return Bun.TOML.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new AppError("invalid_request", `is not TOML: ${(cause as Error).message}`, { cause });
  }
}

function keyText(key: string): string {
  return /^[\w-]+$/.test(key) ? key : JSON.stringify(key);
}

// Basic strings of TOML have the escapes of JSON.
function valueText(value: TomlValue): string {
  return typeof value === "object"
    ? `[${value.map((one) => JSON.stringify(one)).join(", ")}]`
    : JSON.stringify(value);
}
