import type { TSchema } from "@sinclair/typebox";
import { Document, visit } from "yaml";
import type { Kind, Resource } from "../../kinds/define.ts";

// What would move a terminal's cursor, recolour or reverse what it shows (T42); tabs and line breaks may stay.
const unsafe = /[^\P{Cc}\t\n]|[\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u;
const everyUnsafe = new RegExp(unsafe, "gu");

/** Any plain data as one YAML document: no folded lines, no anchors, nothing that YAML 1.1 takes for a boolean. */
export function yamlText(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false, compat: "yaml-1.1" });
  visit(document, {
    Scalar(_, scalar) {
      if (typeof scalar.value === "string" && unsafe.test(scalar.value)) scalar.type = "QUOTE_DOUBLE";
    },
  });
  // Such characters now stand in double quotes only, where an escape means the same.
  return document
    .toString({ lineWidth: 0, blockQuote: "literal" })
    .replace(everyUnsafe, (c) => `\\u${c.codePointAt(0)!.toString(16).padStart(4, "0")}`);
}

/**
 * Objects as manifests that `apply` takes back unchanged: `kind:` and `name:`, then the fields in the order of
 * the descriptor, `---` between documents. Left out is what only the server sets, but for what the kind exports,
 * what is never shown, and what is empty by default.
 */
export function toYaml(kind: Kind, objects: readonly Resource[]): string {
  return objects.map((object) => yamlText(exportOf(kind, object))).join("---\n");
}

/** What `toYaml` prints of an object, as data. */
export function exportOf(kind: Kind, object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const exported: Record<string, unknown> = { kind: kind.kind, name: object.name };
  for (const [field, schema] of Object.entries(kind.fields.properties) as [string, TSchema][]) {
    const value = object[field];
    if (kind.writeOnly.includes(field) || value === undefined || value === null) continue;
    if (isEmpty(value) && Bun.deepEquals(value, schema.default)) continue;
    exported[field] = ordered(schema, value);
  }
  for (const field of kind.exported) if (object[field] !== undefined) exported[field] = object[field];
  return exported;
}

function isEmpty(value: unknown): boolean {
  return value === "" || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
}

/** A value with the keys of its objects as the schema orders them: a database may have shuffled them. */
function ordered(schema: TSchema, value: unknown): unknown {
  if (Array.isArray(value)) return schema.items ? value.map((item) => ordered(schema.items, item)) : value;
  if (typeof value !== "object" || value === null) return value;
  const variants = [schema, ...((schema.anyOf ?? []) as TSchema[])];
  const properties = variants.find((variant) => holds(variant, value))?.properties;
  if (!properties) return value;
  const known = Object.keys(properties).filter((key) => Object.hasOwn(value, key));
  const keys = new Set([...known, ...Object.keys(value)]);
  const entries = Object.fromEntries(Object.entries(value));
  return Object.fromEntries(
    [...keys].map((key) => [
      key,
      ordered(Object.hasOwn(properties, key) ? properties[key] : {}, entries[key]),
    ]),
  );
}

function holds(schema: TSchema, value: object): boolean {
  return (
    schema.properties !== undefined &&
    Object.keys(value).every((key) => Object.hasOwn(schema.properties, key))
  );
}
