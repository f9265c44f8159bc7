import type { Data } from "./logical.ts";

/** Types of fields. Each is lenient and strict in the ways of a real server. */
export type FieldType =
  | "string"
  | "lower string"
  | "int"
  | "bool"
  | "map"
  | "pairs"
  | "seconds"
  | "signed seconds"
  | "strings"
  | "comma strings"
  | "comma ints";

/** The fields of a path: for each its type, and its default. */
export type Schema = Record<string, FieldType | { type: FieldType; fallback: unknown }>;

/** The decoded fields of a request. */
export interface Fields {
  /** Returns the field's value, else its default, else the zero of its type. */
  // biome-ignore lint/suspicious/noExplicitAny: the schema says which type it is
  get(name: string): any;
  /** True if the field was in the request. */
  has(name: string): boolean;
  /** Everything that was in the request, not decoded. */
  raw: Data;
}

/** Decodes the data of a request by a schema. Throws an Error with the text of a real server for the first bad field. */
export function decodeFields(schema: Schema, raw: Data): Fields {
  const values = new Map<string, unknown>();
  for (const [name, value] of Object.entries(raw)) {
    const type = typeOf(schema, name);
    if (type === undefined) continue;
    try {
      const decoded = decode(type, value);
      if (decoded !== undefined) values.set(name, decoded);
    } catch (error) {
      throw new Error(`error converting input for field ${quote(name)}: ${(error as Error).message}`);
    }
  }
  return {
    raw,
    has: (name) => values.has(name),
    get: (name) => (values.has(name) ? values.get(name) : fallbackOf(schema, name)),
  };
}

function typeOf(schema: Schema, name: string): FieldType | undefined {
  const field = Object.hasOwn(schema, name) ? schema[name] : undefined;
  return typeof field === "object" ? field.type : field;
}

function fallbackOf(schema: Schema, name: string): unknown {
  const field = schema[name];
  if (typeof field === "object") return field.fallback;
  if (field === undefined) throw new Error(`no field ${name} in the schema`);
  if (field === "bool") return false;
  if (["int", "seconds", "signed seconds"].includes(field)) return 0;
  if (field === "map" || field === "pairs") return {};
  return ["strings", "comma strings", "comma ints"].includes(field) ? [] : "";
}

/** Decodes one value. Returns undefined for a value that counts as absent. */
function decode(type: FieldType, value: unknown): unknown {
  if (type === "string") return weakString(value);
  if (type === "lower string") return weakString(value).toLowerCase();
  if (type === "int") return weakInt(value);
  if (type === "bool") return weakBool(value);
  if (type === "map") return weakMap(value);
  if (type === "pairs") return pairs(value);
  if (type === "strings") return (value === "" ? [] : array(value)).map((one) => weakString(one).trim());
  if (type === "comma strings") {
    const parts = typeof value === "string" ? value.split(",") : array(value);
    return value === "" ? [] : parts.map((one) => weakString(one).trim());
  }
  if (type === "comma ints") {
    const parts = typeof value === "string" ? value.split(",") : array(value);
    return (value === "" ? [] : parts).map((one, index) => severally(() => weakInt(one, `[${index}]`)));
  }
  if (value === null) return undefined;
  const seconds = Math.trunc(parseSeconds(value));
  if (type === "seconds" && seconds < 0) throw new Error(`cannot provide negative value '${seconds}'`);
  return seconds;
}

function array(value: unknown): unknown[] {
  if (value === null || value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function severally<T>(decoding: () => T): T {
  try {
    return decoding();
  } catch (error) {
    throw new Error(`decoding failed due to the following error(s):\n\n${(error as Error).message}`);
  }
}

/** Reads a string from any simple value. Throws if it is not simple. */
export function weakString(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? "1" : "0";
  if (typeof value === "object") throw unconvertible("", "string", value);
  return String(value);
}

/** Reads an integer, also from text in Go's notations. Throws if it is not one. */
export function weakInt(value: unknown, where = ""): number {
  if (value === null || value === undefined || value === "") return 0;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "object") throw unconvertible(where, "int", value);
  const text = String(value);
  const octal = /^([+-]?)0([0-7]+)$/.exec(text);
  const number = octal ? Number.parseInt(`${octal[1]}${octal[2]}`, 8) : Number(text);
  const whole = /^[+-]?(\d+|0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+)$/.test(text);
  if (!whole || !Number.isFinite(number))
    throw new Error(`'${where}' cannot parse value as 'int': strconv.ParseInt: invalid syntax`);
  return number;
}

function weakBool(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return false;
  if (typeof value === "boolean") return value;
  if (typeof value === "object") throw unconvertible("", "bool", value);
  const text = String(value);
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  throw new Error("'' cannot parse value as 'bool': strconv.ParseBool: invalid syntax");
}

function weakMap(value: unknown, where = ""): Data | null {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) {
    const maps = value.map((one, index) => Object.entries(weakMap(one, `[${index}]`) ?? {}));
    return Object.fromEntries(maps.flat());
  }
  if (typeof value === "object") return value as Data;
  throw unconvertible(where, "map[string]interface {}", value);
}

function pairs(value: unknown): Record<string, string> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, weakString(one)]));
  return Object.fromEntries(
    array(value).map((one) => {
      const text = weakString(one);
      const at = text.indexOf("=");
      if (at <= 0) throw new Error(`invalid key pair ${quote(text)}`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

function unconvertible(where: string, expected: string, value: unknown): Error {
  return new Error(`'${where}' expected type '${expected}', got unconvertible type '${goType(value)}'`);
}

function goType(value: unknown): string {
  if (typeof value === "number") return "json.Number";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  if (!Array.isArray(value)) return "map[string]interface {}";
  // The query has the name twice.
  return value instanceof RepeatedValues ? "[]string" : "[]interface {}";
}

/** Returns the values of a name that a query has more than once. */
export class RepeatedValues extends Array<string> {}

const units: Record<string, number> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
};

/** Reads seconds from `90`, `"90"`, `"1h30m"` or `"2d"`. Throws an Error with the text of Go. */
export function parseSeconds(value: unknown): number {
  if (typeof value !== "string" && typeof value !== "number")
    throw new Error("could not parse duration from input");
  const text = String(value).trim();
  if (text === "") return 0;
  if (/^[+-]?\d+$/.test(text)) return Number(text);
  const days = /^([+-]?\d+)d$/.exec(text);
  if (days) return Number(days[1]) * 86_400;
  const match = /^([+-]?)(.+)$/.exec(text)!;
  let rest = match[2]!;
  let seconds = 0;
  while (rest !== "") {
    const number = /^(\d+\.?\d*|\.\d+)/.exec(rest)?.[0];
    if (number === undefined) throw new Error(`time: invalid duration ${quote(text)}`);
    rest = rest.slice(number.length);
    const unit = /^[^\d.]*/.exec(rest)![0];
    if (unit === "") throw new Error(`time: missing unit in duration ${quote(text)}`);
    if (!Object.hasOwn(units, unit))
      throw new Error(`time: unknown unit ${quote(unit)} in duration ${quote(text)}`);
    seconds += Number(number) * units[unit]!;
    rest = rest.slice(unit.length);
  }
  return match[1] === "-" ? -seconds : seconds;
}

/** Writes seconds in Go's notation: `1h30m0s`. */
export function goDuration(seconds: number): string {
  const [hours, minutes] = [Math.trunc(seconds / 3600), Math.trunc((seconds % 3600) / 60)];
  if (seconds < 0) return `-${goDuration(-seconds)}`;
  return `${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${seconds % 60}s`;
}

/** Writes a text like Go's `%q`. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

/** Matches characters that are printable in Go: no controls, and of the spaces only U+0020. */
export function printable(text: string): boolean {
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(text);
}
