import type { TSchema } from "@sinclair/typebox";
import { literals } from "../../kinds/validate.ts";
import { isObject } from "../../wire/json.ts";

/** The form of a field's value on the command line. */
export type Shape = "text" | "word" | "number" | "boolean" | "reference" | "map" | "list" | "json";

/** The schema without null. */
export function present(schema: TSchema): TSchema {
  const variants = (schema.anyOf ?? []) as TSchema[];
  const rest = variants.filter((variant) => variant.type !== "null");
  return rest.length === 1 && variants.length > 1 ? rest[0]! : schema;
}

/** `word`: one of a few. `reference`: a secret and a key in it. `map`: any keys. `list`: of words. `json`: all others. */
export function shapeOf(schema: TSchema): Shape {
  const inner = present(schema);
  if (inner.anyOf && wordsOf(inner).length > 0) return "word";
  if (inner.type === "string") return "text";
  if (inner.type === "integer" || inner.type === "number") return "number";
  if (inner.type === "boolean") return "boolean";
  if (inner.type === "array") return ["text", "word"].includes(shapeOf(inner.items)) ? "list" : "json";
  if (inner.patternProperties) return "map";
  if (inner.properties && Object.keys(inner.properties).sort().join() === "key,name") return "reference";
  return "json";
}

/** True if a field must be given. A field with a default need not be. */
export function isRequired(schema: TSchema, field: string): boolean {
  const required: string[] = schema.required ?? [];
  return required.includes(field) && schema.properties[field].default === undefined;
}

/** The words that a field accepts; empty if it accepts other values. */
export function wordsOf(schema: TSchema): string[] {
  return literals(present(schema));
}

/**
 * The schema at a dotted path. Undefined inside a map with any keys, and if there is no such field.
 */
export function schemaAt(schema: TSchema, path: readonly string[]): TSchema | undefined {
  let here: TSchema | undefined = schema;
  for (const key of path) {
    const inner: TSchema = present(here);
    const properties: Record<string, TSchema> = inner.properties ?? {};
    here = Object.hasOwn(properties, key)
      ? properties[key]
      : (Object.values(inner.patternProperties ?? {})[0] as TSchema | undefined);
    if (!here) return undefined;
  }
  return Object.keys(here).length === 0 ? undefined : here;
}

/**
 * Reads a text of the command line as the value of a field: as JSON if the field accepts more than text and the text
 * is JSON, otherwise as it is.
 */
export function typedValue(schema: TSchema | undefined, text: string): unknown {
  const shape = schema ? shapeOf(schema) : "json";
  if (shape === "text" || shape === "word") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * Sets the value at a dotted path, and makes the maps above it. Keys such as `__proto__` are set like any other, so that
 * validation refuses them (T17).
 */
export function setAt(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path as [string, ...string[]];
  const before = Object.hasOwn(target, key) ? target[key] : undefined;
  let after = value;
  if (rest.length > 0) {
    const inner = isObject(before) ? { ...before } : {};
    setAt(inner, rest, value);
    after = inner;
  }
  Object.defineProperty(target, key, { value: after, enumerable: true, configurable: true, writable: true });
}
