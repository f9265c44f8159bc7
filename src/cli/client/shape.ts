import type { Static, TObject, TSchema } from "@sinclair/typebox";
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

/** The deepest nesting of a value that no schema describes. */
export const deepest = 64;

/** The check of a schema. Fields that the schema does not name may have any value: the server may be newer. */
export function answerShape<S extends TSchema>(schema: S): AnswerShape<Static<S>> {
  let check: Check | undefined;
  return {
    faultIn(value) {
      check ??= checkOf(schema, true);
      return check(value);
    },
  };
}

/**
 * The check of an object with fields of one schema, and of others of which only the types count: an object, a list, a
 * text, a number. Words, bounds and required fields of those are not checked, because a newer server may have more
 * words and an older one fewer fields.
 */
export function objectShape<S extends TObject>(exact: S, loose: readonly TObject[]): AnswerShape<Static<S>> {
  const fields = new Map<string, Check>();
  for (const { properties } of loose)
    for (const [key, schema] of Object.entries(properties)) fields.set(key, checkOf(schema, false));
  for (const [key, schema] of Object.entries(exact.properties)) fields.set(key, checkOf(schema, true));
  return { faultIn: objectCheck(fields, exact.required ?? [], undefined) };
}

/** Returns the fault of a value without the path to it; undefined if there is none. */
type Check = (value: unknown) => string | undefined;

function checkOf(schema: TSchema, isExact: boolean): Check {
  if (schema.anyOf !== undefined) return unionCheck(schema.anyOf as TSchema[], isExact);
  if (schema.const !== undefined) return constCheck(schema.const, isExact);
  switch (schema.type) {
    case "string":
      return isExact ? exactString(schema) : typeCheck("string", "a text");
    case "integer":
      return (value) => (Number.isSafeInteger(value) ? undefined : " is not an integer");
    case "number":
      return (value) => (Number.isFinite(value) ? undefined : " is not a number");
    case "boolean":
      return typeCheck("boolean", "true or false");
    case "null":
      return (value) => (value === null ? undefined : " is not null");
    case "array":
      return listCheck(checkOf(schema.items as TSchema, isExact));
    case "object":
      return schemaCheck(schema, isExact);
    default:
      return (value) => (isDeeper(value, deepest) ? " is nested too deep" : undefined);
  }
}

function typeCheck(type: string, what: string): Check {
  return (value) => (typeof value === type ? undefined : ` is not ${what}`);
}

function constCheck(word: unknown, isExact: boolean): Check {
  const fits = isExact
    ? (value: unknown) => value === word
    : (value: unknown) => typeof value === typeof word;
  return (value) => (fits(value) ? undefined : ` is not ${JSON.stringify(word)}`);
}

function unionCheck(variants: readonly TSchema[], isExact: boolean): Check {
  const checks = variants.map((variant) => checkOf(variant, isExact));
  // The fault of the one that is not null tells most.
  const telling =
    checks[
      Math.max(
        0,
        variants.findIndex((variant) => variant.type !== "null"),
      )
    ]!;
  return (value) => {
    for (const check of checks) if (check(value) === undefined) return undefined;
    return telling(value);
  };
}

function exactString({ maxLength = Number.POSITIVE_INFINITY, pattern, title = "such text" }: TSchema): Check {
  const form = pattern === undefined ? undefined : new RegExp(pattern);
  return (value) => {
    if (typeof value !== "string") return " is not a text";
    if (value.length > maxLength) return " is too long";
    return form === undefined || form.test(value) ? undefined : ` is no ${title}`;
  };
}

/** The check of a list whose elements pass `check`. */
export function listCheck(check: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return " is not a list";
    for (let index = 0; index < value.length; index++) {
      const fault = check(value[index]);
      if (fault !== undefined) return `/${index}${fault}`;
    }
    return undefined;
  };
}

function schemaCheck(schema: TSchema, isExact: boolean): Check {
  const properties = (schema.properties ?? {}) as Record<string, TSchema>;
  const fields = new Map(Object.entries(properties).map(([key, inner]) => [key, checkOf(inner, isExact)]));
  const [values] = Object.values((schema.patternProperties ?? {}) as Record<string, TSchema>);
  return objectCheck(fields, isExact ? (schema.required ?? []) : [], values && checkOf(values, isExact));
}

/** The check of an object. `others` is for the fields that `fields` does not have. */
function objectCheck(
  fields: ReadonlyMap<string, Check>,
  required: readonly string[],
  others: Check = (value) => (isDeeper(value, deepest) ? " is nested too deep" : undefined),
): Check {
  return (value) => {
    if (!isObject(value)) return " is not an object";
    for (const key of required) if (!Object.hasOwn(value, key)) return `/${key} is missing`;
    for (const key in value) {
      const fault = (fields.get(key) ?? others)(value[key]);
      if (fault !== undefined) return `/${key}${fault}`;
    }
    return undefined;
  };
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  for (const key in value) if (isDeeper((value as Record<string, unknown>)[key], levels - 1)) return true;
  return false;
}
