import type { Kind } from "../../kinds/define.ts";
import { findKind, kinds } from "../../kinds/index.ts";
import { isId, isName } from "../../kinds/names.ts";
import { validateFields } from "../../kinds/validate.ts";
import { isObject } from "../../wire/json.ts";
import { isRequired } from "../flags/schema.ts";
import { unknownKind } from "../kinds/resolve-kind.ts";
import type { Manifest } from "./manifest.ts";
import { type ParsedDocument, type Path, parseDocuments } from "./parse.ts";

/** A fault with its place in a file: `agents.yaml:7:5: sevrers: unknown field`. */
export interface Located {
  source: string;
  line: number;
  column: number;
  text: string;
  /** The kind of the object, if it is known. */
  kind?: string;
}

/**
 * Reads the manifests in a text. A document is one object (`kind: llm` and its fields), a list of objects, or objects
 * grouped by kind (`llms: [...]`).
 *
 * @returns the manifests that could be read, and all faults
 */
export function manifestsIn(text: string, source: string): { manifests: Manifest[]; faults: Located[] } {
  const manifests: Manifest[] = [];
  const faults: Located[] = [];
  const parsed = parseDocuments(text);
  for (const { line, column, message } of parsed.faults) faults.push({ source, line, column, text: message });

  for (const document of parsed.documents) {
    const fault: Report = (path, message, kind) =>
      faults.push({ source, ...document.at(path), text: withPath(path, message), ...(kind && { kind }) });
    for (const entry of entries(document, fault)) {
      const object = objectOf(entry, fault);
      if (object) manifests.push({ ...object, source: `${source}:${document.at(entry.path).line}` });
    }
  }
  return { manifests, faults };
}

type Report = (path: Path, message: string, kind?: string) => void;

interface Entry {
  kind: Kind;
  path: Path;
  value: Record<string, unknown>;
}

function* entries({ value }: ParsedDocument, fault: Report): Generator<Entry> {
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) yield* single(element, [index], fault);
  } else if (!isObject(value) || "kind" in value || !Object.keys(value).some(findKind)) {
    yield* single(value, [], fault);
  } else {
    for (const [word, list] of Object.entries(value)) yield* grouped(word, list, fault);
  }
}

function* single(value: unknown, path: Path, fault: Report): Generator<Entry> {
  if (!isObject(value)) return fault(path, "expected an object with kind and name");
  const word = value.kind ?? kindOfId(value.id);
  if (word === undefined) return fault(path, "kind: is required");
  const kind = typeof word === "string" ? findKind(word) : undefined;
  if (!kind) return fault([...path, "kind"], unknownKindText(String(word)));
  const { kind: _, ...rest } = value;
  yield { kind, path, value: rest };
}

function* grouped(word: string, list: unknown, fault: Report): Generator<Entry> {
  const kind = findKind(word);
  if (!kind) return fault([word], unknownKindText(word));
  if (!Array.isArray(list)) return fault([word], "must be a list");
  for (const [index, element] of list.entries()) {
    const path = [word, index];
    if (!isObject(element)) fault(path, "must be an object", kind.kind);
    else if ("kind" in element && findKind(String(element.kind)) !== kind)
      fault([...path, "kind"], `must be ${kind.kind} in a list of ${kind.plural}`, kind.kind);
    else {
      const { kind: _, ...rest } = element;
      yield { kind, path, value: rest };
    }
  }
}

function objectOf({ kind, path, value }: Entry, fault: Report): Omit<Manifest, "source"> | undefined {
  const { name, ...given } = value;
  const report: Report = (inner, message) => fault([...path, ...inner], message, kind.kind);
  if (typeof name !== "string") {
    report(["name"], name === undefined ? "is required" : "must be a string; put it in quotes");
  } else if (!isName(name)) {
    report(["name"], "must be lower-case letters, digits and hyphens, at most 100");
  }
  const serverSet = new Set([
    "id",
    "version",
    "createdAt",
    "updatedAt",
    ...Object.keys(kind.readOnly.properties),
  ]);
  const fields = Object.fromEntries(Object.entries(given).filter(([field]) => !serverSet.has(field)));
  const valuesStay =
    kind.exported.some((field) => field in given) || kind.writeOnly.some((field) => field in given);
  for (const { path: pointer, message } of validateFields(kind, withoutCleared(kind, fields)).faults) {
    const segments = pointer.split("/").slice(1).map(unescaped);
    const field = segments[0] ?? "";
    // An export names the keys and not their values. Applying it leaves the values as they are.
    if (segments.length === 1 && valuesStay && kind.writeOnly.includes(field) && !hasValue(fields[field]))
      continue;
    report(segments, message);
  }
  return typeof name === "string" ? { kind, name, fields } : undefined;
}

/** The fields without those that null clears: the schema describes an object after the change. */
function withoutCleared(kind: Kind, fields: Record<string, unknown>): Record<string, unknown> {
  const kept = Object.entries(fields).filter(
    ([field, value]) =>
      value !== null || isRequired(kind.fields, field) || !(field in kind.fields.properties),
  );
  return Object.fromEntries(
    kept.map(([field, value]) => [field, kind.writeOnly.includes(field) ? withoutNulls(value) : value]),
  );
}

function withoutNulls(value: unknown): unknown {
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([, inner]) => inner !== null);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function hasValue(value: unknown): boolean {
  return isObject(value) ? Object.values(value).some((inner) => inner !== null) : value !== undefined;
}

/** The kind that an id begins with: `get -o json` prints no other mention of it. */
function kindOfId(id: unknown): string | undefined {
  if (typeof id !== "string" || !isId(id)) return undefined;
  return kinds.find(({ idPrefix }) => id.startsWith(`${idPrefix}_`))?.kind;
}

function unknownKindText(word: string): string {
  const { message, hint } = unknownKind(word);
  return `${message}; ${hint}`;
}

/** `apiKeyRef.name: …`, `members[0]: …` */
function withPath(path: Path, message: string): string {
  let text = "";
  for (const segment of path)
    text +=
      typeof segment === "number" || /^\d+$/.test(segment) ? `[${segment}]` : `${text && "."}${segment}`;
  return text ? `${text}: ${message}` : message;
}

function unescaped(segment: string): string {
  return segment.replaceAll("~1", "/").replaceAll("~0", "~");
}
