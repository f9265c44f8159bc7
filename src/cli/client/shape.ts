import type { Static, TSchema } from "@sinclair/typebox";
import { isObject } from "../../wire/json.ts";

/**
 * A check of an answer, which has the type `T` after it. TypeBox's own check is not used: loading it takes longer than
 * the check of a list.
 */
export interface AnswerShape<T> {
  /** Returns the first fault, with its JSON pointer: `/0/name is no name`; undefined if there is none. */
  faultIn(value: unknown): string | undefined;
  /** Never set: it carries the type. */
  readonly of?: T;
}

/** The check of a schema. Fields that the schema does not name may have any value: the server may be newer. */
export function answerShape<S extends TSchema>(schema: S): AnswerShape<Static<S>> {
  return { faultIn: (value) => faultIn(schema, value, "", true) };
}

/**
 * Returns the first fault of a value in its types alone: an object, a list, a text, a number. Words, bounds and required
 * fields are not checked, because a newer server may have more words and an older one fewer fields.
 *
 * @param path the JSON pointer of the value
 */
export function typeFaultIn(schema: TSchema, value: unknown, path: string): string | undefined {
  return faultIn(schema, value, path, false);
}

function faultIn(schema: TSchema, value: unknown, path: string, isExact: boolean): string | undefined {
  if (schema.anyOf !== undefined) {
    const variants = schema.anyOf as TSchema[];
    if (variants.some((variant) => faultIn(variant, value, path, isExact) === undefined)) return undefined;
    // The one that is not null tells most.
    return faultIn(variants.find((variant) => variant.type !== "null") ?? variants[0]!, value, path, isExact);
  }
  if (schema.const !== undefined) {
    const fits = isExact ? value === schema.const : typeof value === typeof schema.const;
    return fits ? undefined : `${path} is not ${JSON.stringify(schema.const)}`;
  }
  switch (schema.type) {
    case "string":
      return stringFault(schema, value, path, isExact);
    case "integer":
    case "number":
      if (typeof value !== "number" || !Number.isFinite(value)) return `${path} is not a number`;
      return schema.type === "integer" && !Number.isSafeInteger(value)
        ? `${path} is not an integer`
        : undefined;
    case "boolean":
      return typeof value === "boolean" ? undefined : `${path} is not true or false`;
    case "null":
      return value === null ? undefined : `${path} is not null`;
    case "array":
      if (!Array.isArray(value)) return `${path} is not a list`;
      return first(value, (element, i) => faultIn(schema.items as TSchema, element, `${path}/${i}`, isExact));
    case "object":
      return isObject(value) ? objectFault(schema, value, path, isExact) : `${path} is not an object`;
    default:
      return undefined;
  }
}

function stringFault(schema: TSchema, value: unknown, path: string, isExact: boolean): string | undefined {
  if (typeof value !== "string") return `${path} is not a text`;
  if (!isExact) return undefined;
  if (schema.maxLength !== undefined && value.length > schema.maxLength) return `${path} is too long`;
  if (schema.pattern === undefined || compiled(schema.pattern).test(value)) return undefined;
  return `${path} is no ${schema.title ?? "such text"}`;
}

const patterns = new Map<string, RegExp>();

function compiled(pattern: string): RegExp {
  const known = patterns.get(pattern) ?? new RegExp(pattern);
  patterns.set(pattern, known);
  return known;
}

function objectFault(
  schema: TSchema,
  value: Readonly<Record<string, unknown>>,
  path: string,
  isExact: boolean,
): string | undefined {
  const properties = (schema.properties ?? {}) as Record<string, TSchema>;
  const required = isExact ? ((schema.required ?? []) as string[]) : [];
  const [values] = Object.values((schema.patternProperties ?? {}) as Record<string, TSchema>);
  return (
    first(required, (key) => (Object.hasOwn(value, key) ? undefined : `${path}/${key} is missing`)) ??
    first(Object.entries(properties), ([key, inner]) =>
      value[key] === undefined ? undefined : faultIn(inner, value[key], `${path}/${key}`, isExact),
    ) ??
    (values && first(Object.entries(value), ([key, one]) => faultIn(values, one, `${path}/${key}`, isExact)))
  );
}

function first<T>(
  list: readonly T[],
  fault: (element: T, index: number) => string | undefined,
): string | undefined {
  for (const [index, element] of list.entries()) {
    const found = fault(element, index);
    if (found !== undefined) return found;
  }
  return undefined;
}
