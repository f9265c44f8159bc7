import { isObject } from "../../../wire/json.ts";
import type { Fields } from "../request-fields.ts";

/** What Anthropic's structured outputs do not know. It is moved into the description, where the model reads it. */
const unsupported = new Set([
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "pattern",
  "minItems",
  "maxItems",
  "uniqueItems",
  "minProperties",
  "maxProperties",
]);

/** Keywords whose value is a map of names to schemas: the names are no keywords. */
const maps = new Set(["properties", "$defs", "definitions"]);

/**
 * A JSON schema as Anthropic's structured outputs take it: objects are closed, `oneOf` becomes `anyOf`, and
 * limits that it cannot hold become words (case 36). Requests are at most 64 levels deep, and so is this.
 */
export function outputSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(outputSchema);
  if (!isObject(schema)) return schema;
  const result: Fields = {};
  const limits: string[] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    if (unsupported.has(keyword)) limits.push(`${keyword}: ${JSON.stringify(value)}`);
    else if (maps.has(keyword)) result[keyword] = mapped(value);
    else if (keyword === "oneOf") result["anyOf"] = outputSchema(value);
    else if (keyword === "enum" || keyword === "const" || keyword === "default") result[keyword] = value;
    else result[keyword] = outputSchema(value);
  }
  if (result.type === "object" || "properties" in result) result["additionalProperties"] = false;
  if (limits.length > 0) {
    result["description"] = [result.description, `(${limits.join(", ")})`].filter(Boolean).join(" ");
  }
  return result;
}

function mapped(schemas: unknown): unknown {
  if (!isObject(schemas)) return schemas;
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, outputSchema(schema)]));
}
