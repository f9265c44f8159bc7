import { isObject, type JsonObject } from "../messages.ts";

/** Returns a value as clients can use it: the same one, another one, or undefined if the field is to be left out. */
export type Usable = (value: unknown) => unknown;

export const string: Usable = (value) => (typeof value === "string" ? value : undefined);
export const number: Usable = (value) => (Number.isFinite(value) ? value : undefined);
export const boolean: Usable = (value) => (typeof value === "boolean" ? value : undefined);

/** Returns the rule of an object whose fields have rules. Fields without one stay. */
export function object(fields: Readonly<Record<string, Usable>> = {}): Usable {
  return (value) => (isObject(value) ? withUsable(value, fields) : undefined);
}

/** Returns the rule of a list whose entries have a rule. Entries that cannot be used are left out. */
export function list(entry: Usable): Usable {
  return (value) => {
    if (!Array.isArray(value)) return undefined;
    const entries = value.map(entry).filter((one) => one !== undefined);
    return isSame(value, entries) ? value : entries;
  };
}

/** Returns an object with its fields as clients can use them. It is the same object if all are. */
export function withUsable(value: JsonObject, fields: Readonly<Record<string, Usable>>): JsonObject {
  let changed: JsonObject | undefined;
  for (const field in fields) {
    const given = value[field];
    if (given === undefined) continue;
    const usable = fields[field]!(given);
    if (usable === given) continue;
    changed ??= { ...value };
    if (usable === undefined) delete changed[field];
    else changed[field] = usable;
  }
  return changed ?? value;
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}
