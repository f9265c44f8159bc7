import { isObject } from "../../../wire/json.ts";
import type { Fields } from "../request-fields.ts";

/** Keywords that Anthropic's structured outputs do not take. They move to the description, where the model reads them. */
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

/** Keywords whose value maps names to schemas. */
const maps = new Set(["properties", "$defs", "definitions"]);

/**
 * Returns a JSON schema in the form that Anthropic's structured outputs take: objects are closed, `oneOf` becomes
 * `anyOf`, and limits become words of the description (case 36). The depth is that of the request, at most 64 levels.
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
