import type { TSchema } from "@sinclair/typebox";
import { Document, visit } from "yaml";
import type { Kind, Resource } from "../../kinds/define.ts";
import { replaceHidden } from "../../wire/text.ts";

/** Plain data as one YAML document: no folded lines, no anchors, no words that YAML 1.1 reads as booleans. */
export function yamlText(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false, compat: "yaml-1.1" });
  visit(document, {
    Scalar(_, scalar) {
      if (typeof scalar.value === "string" && replaceHidden(scalar.value, () => "") !== scalar.value)
        scalar.type = "QUOTE_DOUBLE";
    },
  });
  // All hidden characters are now in double quotes, where an escape means the same (T42).
  return replaceHidden(document.toString({ lineWidth: 0, blockQuote: "literal" }), yamlEscape);
}

function yamlEscape(character: string): string {
  const code = character.codePointAt(0)!.toString(16);
  return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
}

/**
 * Objects as manifests that `apply` accepts and that change nothing: `kind:` and `name:`, then the fields in the order
 * of the descriptor, with `---` between documents. Left out are fields that only the server sets (unless the kind
 * exports them, or nobody writes its objects), that are never shown, or that are empty by default.
 */
export function toYaml(kind: Kind, objects: readonly Resource[]): string {
  return objects.map((object) => yamlText(exportOf(kind, object))).join("---\n");
}

/** The data that `toYaml` prints of one object. */
export function exportOf(kind: Kind, object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const exported: Record<string, unknown> = { kind: kind.kind, name: object.name };
  for (const [field, schema] of Object.entries(kind.fields.properties) as [string, TSchema][]) {
    const value = object[field];
    if (kind.writeOnly.includes(field) || value === undefined || value === null) continue;
    if (isEmpty(value) && Bun.deepEquals(value, schema.default)) continue;
    exported[field] = ordered(schema, value);
  }
  const isWritten = kind.writes.includes("create") || kind.writes.includes("update");
  const fromServer = isWritten ? kind.exported : Object.keys(kind.readOnly.properties);
  for (const field of fromServer) if (object[field] != null) exported[field] = object[field];
  return exported;
}

function isEmpty(value: unknown): boolean {
  return value === "" || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
}

/** A value with the keys of its objects in the order of the schema: a database may change the order. */
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
