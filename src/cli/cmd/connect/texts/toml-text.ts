import { AppError } from "../../../../errors.ts";

/** A header or a pair of a text in TOML. Places are offsets; `end` is after its line end. */
interface Statement {
  /** Of a header the path of its table, of a pair that of its key in the table. */
  path: string[];
  isHeader: boolean;
  start: number;
  end: number;
  /** The place of its value, of a pair. */
  value?: { start: number; end: number };
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
    const path = keysOf(head.replace(/^\[+/, ""));
    if (isHeader) at = lineEndAfter(text, at);
    else {
      const from = at + 1 + matchAt(/[ \t]*/y, text, at + 1).length;
      const to = valueEnd(text, from);
      const value = { start: from, end: from + text.slice(from, to).trimEnd().length };
      at = lineEndAfter(text, to);
      statements.push({ path, isHeader, start, end: at, value });
      continue;
    }
    statements.push({ path, isHeader, start, end: at });
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

/** Returns the header and the pairs of a table, without those of tables in it; undefined if the text has no such table. */
function tableIn(
  statements: readonly Statement[],
  table: readonly string[],
): { header: Statement | undefined; pairs: Statement[] } | undefined {
  const at = statements.findIndex(
    ({ isHeader, path }) => isHeader && path.length === table.length && starts(path, table),
  );
  // The table at the root has no header.
  if (at === -1 && table.length > 0) return undefined;
  const next = statements.findIndex(({ isHeader }, i) => i > at && isHeader);
  return {
    header: statements[at],
    pairs: statements.slice(at + 1, next === -1 ? undefined : next),
  };
}

/**
 * Sets pairs of a table and removes others, in a text that is valid TOML. The table is added at the end if it is not
 * there. All else stays as it is, byte by byte.
 *
 * @param table the path of the table; empty for the pairs before all tables
 * @param values by key; undefined removes the pair
 */
export function setPairs(
  text: string,
  table: readonly string[],
  values: Readonly<Record<string, TomlValue | undefined>>,
): string {
  const lineEnd = text.includes("\r\n") ? "\r\n" : "\n";
  const own = tableIn(scan(text), table);
  const isChanged = ({ path, value }: Statement) =>
    path.length === 1 && value !== undefined && values[path[0]!] !== undefined;
  const kept = new Set(own?.pairs.filter(isChanged).map(({ path }) => path[0]!));
  const written = Object.entries(values).flatMap(([key, value]) =>
    value === undefined || kept.has(key) ? [] : [`${keyText(key)} = ${valueText(value)}${lineEnd}`],
  );
  if (!own) {
    const gap = text === "" ? "" : text.endsWith("\n") ? lineEnd : lineEnd + lineEnd;
    return `${text}${gap}[${table.map(keyText).join(".")}]${lineEnd}${written.join("")}`;
  }
  let result = text;
  for (const pair of own.pairs.toReversed()) {
    const [key = ""] = pair.path;
    if (!Object.hasOwn(values, key)) continue;
    const { start, end } = isChanged(pair) ? pair.value! : pair;
    result = result.slice(0, start) + (isChanged(pair) ? valueText(values[key]!) : "") + result.slice(end);
  }
  if (written.length === 0) return result;
  const left = tableIn(scan(result), table)!;
  const at = left.pairs.at(-1)?.end ?? left.header?.end ?? 0;
  const head = result.slice(0, at);
  return `${head}${head === "" || head.endsWith("\n") ? "" : lineEnd}${written.join("")}${result.slice(at)}`;
}

/** Removes a pair of a table, and the table where nothing else is in it. All else stays as it is, byte by byte. */
export function removePair(text: string, path: readonly string[]): string {
  const table = path.slice(0, -1);
  const result = setPairs(text, table, { [path.at(-1)!]: undefined });
  const statements = scan(result);
  const own = tableIn(statements, table);
  if (!own?.header || own.pairs.length > 0) return result;
  const next = statements[statements.indexOf(own.header) + 1]?.start ?? result.length;
  if (result.slice(own.header.start, next).includes("#")) return result;
  return withoutStatements(result, own.header.start, own.header.end);
}

/** Removes a table, with the tables in it. All else stays as it is, byte by byte. */
export function removeTable(text: string, table: readonly string[]): string {
  const statements = scan(text);
  let result = text;
  for (let i = statements.length - 1; i >= 0; i--) {
    const { isHeader, path, start } = statements[i]!;
    if (!isHeader || !starts(path, table)) continue;
    const next = statements.findIndex((other, j) => j > i && other.isHeader);
    result = withoutStatements(result, start, statements[(next === -1 ? statements.length : next) - 1]!.end);
  }
  return result;
}

/** Returns a text without the statements at a place, and without the empty line before them. */
function withoutStatements(text: string, start: number, end: number): string {
  const before = text.slice(0, start);
  const from = /\n\r?\n$/.test(before) ? start - (text[start - 2] === "\r" ? 2 : 1) : start;
  return text.slice(0, from) + text.slice(end);
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
