import { isObject } from "../../wire/json.ts";

/**
 * Returns true if a JSON schema is one that OpenAI's strict mode takes: every property of every object is required, and
 * no other is allowed (https://developers.openai.com/api/docs/guides/structured-outputs). Anthropic allows optional ones.
 */
export function takesStrict(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(takesStrict);
  if (!isObject(schema)) return true;
  const { type, properties, required, additionalProperties } = schema;
  if (type === "object" && additionalProperties !== false) return false;
  if (isObject(properties)) {
    const names = Object.keys(properties);
    if (additionalProperties !== false) return false;
    const isRequired = new Set(Array.isArray(required) ? required : []);
    if (!names.every((name) => isRequired.has(name))) return false;
    if (!Object.values(properties).every(takesStrict)) return false;
  }
  return ["items", "anyOf", "$defs", "definitions"].every((key) =>
    isObject(schema[key]) && key.endsWith("s") && key !== "items"
      ? Object.values(schema[key]).every(takesStrict)
      : takesStrict(schema[key]),
  );
}
