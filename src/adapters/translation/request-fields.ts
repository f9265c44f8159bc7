import { AppError } from "../../errors.ts";
import { fieldName } from "../../wire/dialects/errors.ts";
import { isObject } from "../../wire/json.ts";

/** An unchecked object of a request. */
export type Fields = Record<string, unknown>;

/** The most characters of a caller's text that an error quotes. */
const longestQuote = 100;

/** Returns the error for a part of a request that cannot be translated. `path` is a JSON pointer to the part. */
export function refused(path: string, message: string): AppError {
  return new AppError("invalid_request", message, { details: [{ path, message }] });
}

/** Returns a caller's value for the text of an error. Plain interpolation fails on objects that hide `toString`. */
export function quoted(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined");
  return text.slice(0, longestQuote);
}

/** Returns true for a value that is neither missing nor null. */
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
 * Refuses every field that is given but not known. No field of a caller is dropped in silence.
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

/** Returns the name of a field for an error. The path may contain keys of the caller, so it is cut. */
function nameOf(path: string): string {
  return fieldName(path.slice(0, 4 * longestQuote));
}

/** Values with which a field of a request asks for nothing. */
export const isZero = (value: unknown): boolean => value === 0;
export const isFalse = (value: unknown): boolean => value === false;
export const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;
