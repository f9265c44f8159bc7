import { ApiError } from "../../api/client.ts";
import type { FormSchema } from "../../api/mcp.ts";

/** True for a value that is written as JSON in several lines: a list, an object, or one of unknown type. */
export function isLong({ type }: FormSchema): boolean {
  return type !== "string" && type !== "number" && type !== "integer" && type !== "boolean";
}

/**
 * Returns the arguments of a tool from the texts of a form. What is empty is left out.
 *
 * @throws ApiError that names the field whose text is no JSON
 */
export function argumentsOf(
  schema: FormSchema,
  values: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const given = Object.entries(schema.properties ?? {}).filter(([name]) => (values[name] ?? "") !== "");
  return Object.fromEntries(given.map(([name, one]) => [name, jsonValue(name, one, values[name]!)]));
}

function jsonValue(name: string, schema: FormSchema, text: string): unknown {
  if (schema.type === "string" && !schema.enum) return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(`${name} must be JSON`, "invalid_request", 400, 'texts stand in quotes: "text"');
  }
}
