import { LineCounter, parseDocument } from "yaml";
import { yamlOffset } from "../../yaml-offset.ts";

/** JSON as data, and the way back from a place in it to a line of its text. */
export interface JsonText {
  value: unknown;
  /** The line, from 1, on which the key or element at a JSON pointer begins; of what is not there, the nearest around it. */
  lineOf(pointer: string): number;
}

/** Reads JSON. A key that is given twice is a fault: one of its two meanings would be lost. */
export function parseJson(text: string): JsonText | { line: number; message: string } {
  const lines = new LineCounter();
  // JSON is YAML, and YAML's parser knows where everything stands.
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

/** One token of JSON, with the space before it. */
const token = /[\s]*(?:[{}[\],:]|"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true\b|false\b|null\b)/y;

/** Where YAML goes on that JSON does not take: a comment, a bare word, a comma before a bracket. */
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

/** `/llm/providers/1/url` as its parts. */
export function pointerSegments(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}
