import { LineCounter, parseDocument } from "yaml";
import { withoutByteOrderMark } from "../../wire/text.ts";
import { yamlOffset } from "../../yaml-offset.ts";

/** A parsed JSON text that can name the line of each place in it. */
export interface JsonText {
  value: unknown;
  /** Returns the line, from 1, of the key or element at a JSON pointer; of a missing one, the line of what encloses it. */
  lineOf(pointer: string): number;
}

/** Parses JSON. A key that is given twice is a fault, because one of the two values would be lost. */
export function parseJson(source: string): JsonText | { line: number; message: string } {
  const text = withoutByteOrderMark(source);
  const lines = new LineCounter();
  // JSON is YAML, and the parser of YAML keeps the place of every node.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "silent" });
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { line: lineAt(document.errors[0]?.pos[0] ?? notJsonAt(text)), message: "it is not JSON" };
  }
  const twice = document.errors.find(({ code }) => code === "DUPLICATE_KEY");
  if (twice) return { line: lineAt(twice.pos[0]), message: "this key is given twice" };
  return { value, lineOf: (pointer) => lineAt(yamlOffset(document.contents, pointerSegments(pointer))) };
}

/** Matches one token of JSON and the white space before it. */
const token = /[\s]*(?:[{}[\],:]|"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true\b|false\b|null\b)/y;

/** Returns the place of the first text that is YAML and not JSON: a comment, a bare word, a comma before a bracket. */
function notJsonAt(text: string): number {
  let comma: number | undefined;
  token.lastIndex = 0;
  for (let end = 0; ; end = token.lastIndex) {
    const found = token.exec(text)?.[0].trim();
    if (found === undefined) return end + text.slice(end).search(/\S|$/);
    if ((found === "}" || found === "]") && comma !== undefined) return comma;
    comma = found === "," ? token.lastIndex - 1 : undefined;
  }
}

/** Splits a JSON pointer such as `/llm/providers/1/url` into its segments. */
export function pointerSegments(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}
