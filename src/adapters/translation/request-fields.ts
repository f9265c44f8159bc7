import { AppError } from "../../errors.ts";
import { fieldName } from "../../wire/dialects/errors.ts";
import { isObject } from "../../wire/json.ts";

/** An object of a request, before anybody has looked into it. */
export type Fields = Record<string, unknown>;

/** Of what a caller wrote, this many characters at most are told in an error. */
const longestQuote = 100;

/** The error for something that cannot be expressed. `path` is a JSON pointer into the caller's request. */
export function refused(path: string, message: string): AppError {
  return new AppError("invalid_request", message, { details: [{ path, message }] });
}

/** A value of the caller's, for the words of an error. Interpolation alone fails on objects that hide `toString`. */
export function quoted(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined");
  return text.slice(0, longestQuote);
}

/** Whether something was said: null says nothing. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

export function objectAt(value: unknown, path: string): Fields {
  if (isObject(value)) return value;
  throw refused(path, `${nameOf(path)} must be an object`);
}

export function listAt(value: unknown, path: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw refused(path, `${nameOf(path)} must be a list`);
}

export function textAt(value: unknown, path: string): string {
  if (typeof value === "string") return value;
  throw refused(path, `${nameOf(path)} must be a string`);
}

/**
 * Refuses by name every field that is given but not known. Nothing a caller sends is dropped in silence.
 *
 * @param neutral Fields that change nothing at these values, and are refused at others.
 */
export function refuseOthers(
  fields: Fields,
  path: string,
  known: readonly string[],
  neutral: Readonly<Record<string, (value: unknown) => boolean>> = {},
): void {
  for (const name of Object.keys(fields)) {
    if (known.includes(name)) continue;
    const value = fields[name];
    if (!isGiven(value)) continue;
    if (Object.hasOwn(neutral, name) && neutral[name]!(value)) continue;
    throw refused(`${path}/${name}`, `${nameOf(`${path}/${name}`)} has no counterpart at the llm's provider`);
  }
}

/** The name of a field for an error: a caller's own keys may stand in the path, and are cut. */
function nameOf(path: string): string {
  return fieldName(path.slice(0, 4 * longestQuote));
}

/** Values at which a field of a request asks for nothing. */
export const isZero = (value: unknown): boolean => value === 0;
export const isFalse = (value: unknown): boolean => value === false;
export const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;
