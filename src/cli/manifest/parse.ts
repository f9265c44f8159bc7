import { type Document, LineCounter, parseAllDocuments } from "yaml";
import { yamlOffset } from "../../yaml-offset.ts";

/** The deepest nesting of lists and maps. Real manifests are far from it. */
const maxDepth = 64;

/** Keys and list indices from a document's root to a value. */
export type Path = readonly (string | number)[];

/** A fault in a file, and its place; lines and columns count from 1. */
export interface SourceFault {
  line: number;
  column: number;
  path: Path;
  message: string;
}

/** A document as plain data, with the places of its values in the text. */
export interface ParsedDocument {
  value: unknown;
  /** The place of the key or list element at `path`, or of the nearest value around it if it does not exist. */
  at(path: Path): { line: number; column: number };
}

/**
 * Parses any number of documents of YAML 1.2, and so JSON. Empty documents are left out. Faults are also things that
 * could exhaust memory or the stack, or that are ambiguous: aliases that multiply or contain themselves, a key that is
 * given twice, deep nesting, tags (T67).
 */
export function parseDocuments(text: string): { documents: ParsedDocument[]; faults: SourceFault[] } {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "silent",
    resolveKnownTags: false,
  });
  const documents: ParsedDocument[] = [];
  const faults: SourceFault[] = [];
  if ("empty" in parsed) return { documents, faults };

  for (const document of parsed) {
    const at = (path: Path) => place(lines, yamlOffset(document.contents, path));
    const wrong = [...document.errors, ...document.warnings];
    for (const { message, pos } of wrong)
      faults.push({ ...place(lines, pos[0]), path: [], message: plain(message) });
    if (wrong.length > 0) continue;

    const value = toData(document);
    if ("fault" in value) faults.push({ ...at([]), path: [], message: value.fault });
    else if (value.data !== null) documents.push({ value: value.data, at });
  }
  return { documents, faults };
}

function toData(document: Document.Parsed): { data: unknown } | { fault: string } {
  try {
    const data: unknown = document.toJS({ maxAliasCount: 100 });
    const fault = tooDeep(data, new Set());
    return fault === undefined ? { data } : { fault };
  } catch (error) {
    return { fault: plain((error as Error).message) };
  }
}

function tooDeep(value: unknown, above: Set<object>): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (above.has(value)) return "an alias contains itself";
  if (above.size === maxDepth) return `nested deeper than ${maxDepth} levels`;
  above.add(value);
  for (const inner of Object.values(value)) {
    const fault = tooDeep(inner, above);
    if (fault !== undefined) return fault;
  }
  above.delete(value);
  return undefined;
}

/** A message of the parser in the words of this project. */
function plain(message: string): string {
  if (message.startsWith("Maximum call stack")) return `nested deeper than ${maxDepth} levels`;
  if (message.startsWith("Excessive alias")) return "too many aliases";
  if (message === "Map keys must be unique") return "this key is given twice";
  if (message.startsWith("Unresolved tag")) return `${message.replace("Unresolved t", "t")} is not supported`;
  return message.charAt(0).toLowerCase() + message.slice(1);
}

function place(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}
