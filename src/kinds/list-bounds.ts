import { KindGuard, type TSchema } from "@sinclair/typebox";
import type { Fault } from "../errors.ts";

/** The most elements of a list whose schema states no limit, and keys of an object. */
const mostElements = 10_000;

/**
 * Returns the first fault of a list or object with more elements than its schema allows, or of a list with an element
 * twice. TypeBox looks at each element before it says so, and compares them by hashes that take seconds for 4 MB (T333).
 */
export function boundFault(schema: TSchema, value: unknown, path = ""): Fault | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (KindGuard.IsUnion(schema)) return faultOfUnion(schema.anyOf, value, path);
  if (Array.isArray(value)) return KindGuard.IsArray(schema) ? faultOfList(schema, value, path) : undefined;
  return faultOfObject(schema, value as Record<string, unknown>, path);
}

/** A value is good for a union if it is for one of its variants. */
function faultOfUnion(variants: readonly TSchema[], value: object, path: string): Fault | undefined {
  const isList = Array.isArray(value);
  const fitting = variants.filter((one) => KindGuard.IsArray(one) === isList && one.type !== "null");
  const faults = fitting.map((one) => boundFault(one, value, path));
  return faults.every((fault) => fault !== undefined) ? faults[0] : undefined;
}

function faultOfList(schema: TSchema, value: readonly unknown[], path: string): Fault | undefined {
  const most = schema.maxItems ?? mostElements;
  if (value.length > most) return { path, message: `must have at most ${most} elements` };
  // Lists without repetition have texts in them.
  if (schema.uniqueItems && new Set(value).size !== value.length)
    return { path, message: "must not name the same thing twice" };
  for (const [index, item] of value.entries()) {
    const fault = boundFault(schema.items, item, `${path}/${index}`);
    if (fault) return fault;
  }
  return undefined;
}

function faultOfObject(schema: TSchema, value: Record<string, unknown>, path: string): Fault | undefined {
  const { properties = {}, patternProperties = {}, maxProperties } = schema;
  const keys = Object.keys(value);
  const [anyKey] = Object.values(patternProperties as Record<string, TSchema>);
  if (maxProperties !== undefined && keys.length > maxProperties)
    return { path, message: `must have at most ${maxProperties} keys` };
  for (const key of keys) {
    const inner = Object.hasOwn(properties, key) ? properties[key] : anyKey;
    const fault = inner && boundFault(inner, value[key], `${path}/${key}`);
    if (fault) return fault;
  }
  return undefined;
}

/** Returns a schema without what `boundFault` has checked, and TypeBox checks slowly. */
export function withoutUniqueItems<S extends TSchema>(schema: S): S {
  return without(schema) as S;
}

function without(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(without);
  if (typeof part !== "object" || part === null || part instanceof RegExp) return part;
  const copy: Record<PropertyKey, unknown> = {};
  for (const key of Reflect.ownKeys(part))
    if (key !== "uniqueItems") copy[key] = without((part as Record<PropertyKey, unknown>)[key]);
  return copy;
}
