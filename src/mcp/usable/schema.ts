import { isObject, type JsonObject } from "../messages.ts";
import { boolean, list, string, type Usable, withUsable } from "./fields.ts";

const types: ReadonlySet<unknown> = new Set([
  "null",
  "boolean",
  "object",
  "array",
  "number",
  "integer",
  "string",
]);

const schema: Usable = (value) => (typeof value === "boolean" ? value : schemaObject(value));

/** Revisions before 2026-07-28 have no `true` or `false` as the schema of a property, and clients of them refuse the list. */
const property: Usable = (value) => {
  if (value === true) return {};
  if (value === false) return { not: {} };
  return schemaObject(value) ?? {};
};

const schemas: Usable = (value) => {
  const usable = list(schema)(value) as unknown[] | undefined;
  return usable === undefined || usable.length === 0 ? undefined : usable;
};

const properties = mapOf(property);
const definitions = mapOf(schema);
const size: Usable = (value) => (Number.isInteger(value) && Number(value) >= 0 ? value : undefined);
const limit: Usable = (value) => (Number.isFinite(value) ? value : undefined);

/** The keywords whose values have a form (https://json-schema.org/draft/2020-12/schema). Others may have any. */
const keywords: Readonly<Record<string, Usable>> = {
  type(value) {
    if (!Array.isArray(value)) return types.has(value) ? value : undefined;
    const known = [...new Set(value)].filter((one) => types.has(one));
    return known.length === 0 ? undefined : known.length === value.length ? value : known;
  },
  required(value) {
    if (!Array.isArray(value)) return undefined;
    const names = [...new Set(value)].filter((one) => typeof one === "string");
    return names.length === value.length ? value : names;
  },
  enum: (value) => (Array.isArray(value) && value.length > 0 ? value : undefined),
  pattern: (value) => (typeof value === "string" && isPattern(value) ? value : undefined),
  multipleOf: (value) => (Number.isFinite(value) && Number(value) > 0 ? value : undefined),
  examples: (value) => (Array.isArray(value) ? value : undefined),
  properties,
  patternProperties: properties,
  $defs: definitions,
  definitions,
  dependentSchemas: definitions,
  ...keywordsWith(schema, [
    "items",
    "contains",
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
  ]),
  ...keywordsWith(schemas, ["allOf", "anyOf", "oneOf", "prefixItems"]),
  ...keywordsWith(limit, ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]),
  ...keywordsWith(size, [
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
  ]),
  ...keywordsWith(string, [
    "$schema",
    "$id",
    "$ref",
    "$anchor",
    "$comment",
    "title",
    "description",
    "format",
  ]),
  ...keywordsWith(boolean, ["uniqueItems", "deprecated", "readOnly", "writeOnly"]),
};

/**
 * Returns a schema without what is no JSON Schema of 2020-12: one keyword such as `"type": "int"` makes providers refuse
 * every request with the tool in it, and clients the whole list. A keyword that cannot be read is left out, which allows
 * more than before; the MCP server itself checks what it gets. Older forms are written as new ones.
 *
 * @returns the same object if nothing has to be changed; undefined if it is no object
 */
export function schemaObject(value: unknown): JsonObject | undefined {
  return isObject(value) ? withUsable(modern(value), keywords) : undefined;
}

/** Writes tuples and exclusive limits as 2020-12 does. */
function modern(value: JsonObject): JsonObject {
  const { items, exclusiveMinimum, exclusiveMaximum } = value;
  let changed = value;
  if (Array.isArray(items)) {
    const { items: _, additionalItems, ...rest } = changed;
    changed = {
      ...rest,
      prefixItems: items,
      ...(additionalItems !== undefined && { items: additionalItems }),
    };
  }
  if (exclusiveMinimum === true && Number.isFinite(value["minimum"])) {
    const { minimum, ...rest } = changed;
    changed = { ...rest, exclusiveMinimum: minimum };
  }
  if (exclusiveMaximum === true && Number.isFinite(value["maximum"])) {
    const { maximum, ...rest } = changed;
    changed = { ...rest, exclusiveMaximum: maximum };
  }
  return changed;
}

function keywordsWith(rule: Usable, names: readonly string[]): Record<string, Usable> {
  return Object.fromEntries(names.map((name) => [name, rule]));
}

/** Returns the rule of an object all of whose fields have the same rule. */
function mapOf(rule: Usable): Usable {
  return (value) => (isObject(value) ? withUsable(value, keywordsWith(rule, Object.keys(value))) : undefined);
}

/** True if a pattern can be compiled. Some servers write those of other languages, such as `(?i)a`. */
function isPattern(pattern: string): boolean {
  for (const flags of ["u", ""]) {
    try {
      new RegExp(pattern, flags);
      return true;
    } catch {}
  }
  return false;
}
