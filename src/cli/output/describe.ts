import type { KindInfo, Resource } from "../../kinds/define.ts";
import { isObject } from "../../wire/json.ts";
import { escapeBlock, escapeLine } from "../../wire/text.ts";
import { paint } from "../terminal/paint.ts";
import { age, plain } from "./cells.ts";
import { mask } from "./mask.ts";

/** A line of a description, or a titled block of them. */
export type DescriptionEntry =
  | { label: string; value: string }
  | { title: string; entries: readonly { label: string; value: string }[] }
  | { title: string; lines: readonly string[] };

/** Lines and sections that a kind writes itself, by the field whose place they take. */
export type FieldEntries = Readonly<Record<string, readonly DescriptionEntry[]>>;

const acronyms = new Set(["llm", "id", "url", "api", "ttl", "rbac", "mcp", "ca"]);
const metadataFields = new Set(["id", "name", "version", "createdAt", "updatedAt"]);

/**
 * The text of `describe`: a header, aligned lines, then titled sections with `Metadata:` last. Fields that the
 * descriptor does not have (a newer server's) are shown too. Credentials are masked.
 */
export function describe(
  kind: KindInfo,
  object: Resource,
  special: FieldEntries,
  now: number,
  color: boolean,
): string {
  const shown = mask(object) as Resource;
  const fields = new Set([
    ...Object.keys(kind.fields.properties),
    ...Object.keys(kind.readOnly.properties),
    ...Object.keys(shown),
  ]);
  const entries = [...fields].flatMap((field): readonly DescriptionEntry[] => {
    if (metadataFields.has(field) || kind.writeOnly.includes(field)) return [];
    return special[field] ?? [entryOf(labelOf(kind, field, fields), shown[field], now)];
  });
  const lines = entries.filter((entry) => "value" in entry);
  const sections = entries.filter((entry) => "title" in entry);
  sections.push({ title: "Metadata", entries: metadata(shown, now) });
  const head = paint(color, "bold", escapeLine(`=== ${kind.display}: ${shown.name} ===`));
  const body = aligned([{ label: "Name", value: shown.name }, ...lines], "");
  return [[head, ...body], ...sections.map((section) => sectionLines(section, color))]
    .map((block) => `${block.join("\n")}\n`)
    .join("\n");
}

/** A field under its label. A value of several lines becomes a section. */
function entryOf(label: string, value: unknown, now: number): DescriptionEntry {
  if (typeof value === "string" && value.includes("\n"))
    return { title: label, lines: escapeBlock(value).trimEnd().split("\n") };
  if (Array.isArray(value) && value.some((element) => typeof element === "object")) {
    return { title: label, lines: value.map((element) => pairs(element)) };
  }
  if (isObject(value))
    return {
      title: label,
      entries: Object.entries(value).map(([key, inner]) => ({ label: key, value: plain(inner) })),
    };
  if (Array.isArray(value)) return { label, value: value.map(plain).join(", ") || "-" };
  return { label, value: typeof value === "string" ? timed(value, now) : plain(value) };
}

/** The label of a field: the header of its column if it has one, otherwise, or if it names another field, its name in words. */
function labelOf(kind: KindInfo, field: string, fields: ReadonlySet<string>): string {
  const column = kind.columns.find((column) => column.path === field);
  if (!column) return inWords(field);
  const header = titled(column.header.split("-"));
  return [...fields].some((other) => other !== field && inWords(other) === header) ? inWords(field) : header;
}

/** `pathPrefix` → `Path Prefix`, `caCert` → `CA Cert` */
export function inWords(field: string): string {
  return titled(field.replace(/([a-z0-9])([A-Z])/g, "$1 $2").split(" "));
}

function titled(words: readonly string[]): string {
  return words
    .map((word) => word.toLowerCase())
    .filter((word, i) => !(word === "at" && i === words.length - 1 && i > 0))
    .map((word) => (acronyms.has(word) ? word.toUpperCase() : word.charAt(0).toUpperCase() + word.slice(1)))
    .join(" ");
}

/** Lines of labels and values with the values aligned: `Name:    claude`. A line without a label continues the one above. */
export function aligned(entries: readonly { label: string; value: string }[], indent: string): string[] {
  const width = Math.max(...entries.map(({ label }) => Bun.stringWidth(escapeLine(label)))) + 3;
  return entries.map(({ label, value }) => {
    const name = label === "" ? "" : `${escapeLine(label)}:`;
    return `${indent}${name}${" ".repeat(width - Bun.stringWidth(name))}${escapeLine(value)}`;
  });
}

function sectionLines(section: Exclude<DescriptionEntry, { value: string }>, color: boolean): string[] {
  const title = paint(color, "bold", `${escapeLine(section.title)}:`);
  if ("lines" in section) return [title, ...section.lines.map((line) => `  ${escapeLine(line)}`)];
  return [title, ...(section.entries.length > 0 ? aligned(section.entries, "  ") : ["  (none)"])];
}

function metadata(object: Resource, now: number): { label: string; value: string }[] {
  const values = {
    ID: object.id,
    Version: object.version,
    Created: object.createdAt,
    Updated: object.updatedAt,
  };
  return Object.entries(values).map(([label, value]) => ({ label, value: timed(plain(value), now) }));
}

/** Adds the age to a time. Any other text is returned as it is. */
export function timed(text: string, now: number): string {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text)) return `${text} (${age(text, now)})`;
  return text === "" ? "-" : text;
}

/** One element of a list on a line: `role: view, resource: llms`. */
function pairs(element: unknown): string {
  if (typeof element !== "object" || element === null) return plain(element);
  return Object.entries(element)
    .map(([key, value]) => `${key}: ${plain(value)}`)
    .join(", ");
}
