import type { TSchema } from "@sinclair/typebox";
import { literals } from "../../kinds/validate.ts";

/** What a field takes, as far as a command line is concerned. */
export type Shape = "text" | "word" | "number" | "boolean" | "reference" | "map" | "list" | "json";

/** The schema without the possibility of null. */
export function present(schema: TSchema): TSchema {
  const variants = (schema.anyOf ?? []) as TSchema[];
  const rest = variants.filter((variant) => variant.type !== "null");
  return rest.length === 1 && variants.length > 1 ? rest[0]! : schema;
}

/** `word`: one of a few. `reference`: a secret and a key in it. `map`: any keys. `list`: of words. `json`: the rest. */
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

/** Whether a field must be given; one with a default need not. */
export function isRequired(schema: TSchema, field: string): boolean {
  const required: string[] = schema.required ?? [];
  return required.includes(field) && schema.properties[field].default === undefined;
}

/** The words a field takes, where it takes only some. */
export function wordsOf(schema: TSchema): string[] {
  return literals(present(schema));
}

/**
 * The schema at a dotted path, as far as it is known: below a map of anything it is `undefined`, and so it is
 * where no such field is.
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
 * What a text on the command line stands for in a field: itself where the field is text, JSON where the field takes
 * more than text and the text is JSON.
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
 * Sets what stands at a dotted path, making the maps on the way. Keys that every object has from its prototype are
 * set like any other, for the validation to refuse (T17).
 */
export function setAt(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path as [string, ...string[]];
  const before = Object.hasOwn(target, key) ? target[key] : undefined;
  let after = value;
  if (rest.length > 0) {
    const inner =
      typeof before === "object" && before !== null && !Array.isArray(before) ? { ...before } : {};
    setAt(inner, rest, value);
    after = inner;
  }
  Object.defineProperty(target, key, { value: after, enumerable: true, configurable: true, writable: true });
}
