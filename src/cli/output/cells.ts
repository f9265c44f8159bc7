import type { Column } from "../../kinds/define.ts";

const nothing = "-";

/**
 * One cell of a table: the value at the column's path, its template, or the elements of the list at the path.
 *
 * @param now milliseconds since 1970, for ages
 */
export function cell(column: Column, object: Readonly<Record<string, unknown>>, now: number): string {
  if (column.template !== undefined) return filled(column.template, object) ?? nothing;
  const value = at(object, column.path ?? "");
  if (column.format === "age" && typeof value === "string") return age(value, now);
  if (column.each !== undefined && Array.isArray(value))
    return value.map((element) => loose(column.each!, element)).join(",") || nothing;
  return plain(value);
}

/** The value at a dotted path; undefined if it or something above it is missing. */
export function at(object: unknown, path: string): unknown {
  let value = object;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** Any value on one line: lists joined by commas, objects as JSON, `-` for none. */
export function plain(value: unknown): string {
  if (value === undefined || value === null || value === "") return nothing;
  if (Array.isArray(value)) return value.map(plain).join(",") || nothing;
  if (typeof value === "object") return Object.keys(value).length === 0 ? nothing : JSON.stringify(value);
  return String(value);
}

/** A time relative to now: `5m ago`, `in 29d`. A text that is no time is returned as it is. */
export function age(time: string, now: number): string {
  const passed = now - Date.parse(time);
  if (Number.isNaN(passed)) return time;
  const length = span(Math.abs(passed) / 1000);
  return passed >= 0 ? `${length} ago` : `in ${length}`;
}

/** Bytes in one unit: `812 B`, `4.1 MB`, `230 GB`. */
export function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let size = bytes;
  while (size >= 999.5 && at < units.length - 1) {
    size /= 1000;
    at++;
  }
  return `${size < 9.95 && at > 0 ? size.toFixed(1) : Math.round(size)} ${units[at]}`;
}

/** Seconds in one rounded unit: `42s`, `5m`, `3h`, `12d`. */
function span(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)}h`;
  return `${Math.round(seconds / 86_400)}d`;
}

/** A template with all its braces filled; undefined if a value is missing. */
function filled(template: string, object: unknown): string | undefined {
  let complete = true;
  const text = template.replace(/\{([^}]*)\}/g, (_, path: string) => {
    const value = at(object, path);
    if (value === undefined || value === null || value === "") complete = false;
    return plain(value);
  });
  return complete ? text : undefined;
}

/** A template of a list's element. Missing values at the end are cut off: `view:llms:` becomes `view:llms`. */
function loose(template: string, element: unknown): string {
  const text = template.replace(/\{([^}]*)\}/g, (_, path: string) => {
    const value = at(element, path);
    return value === undefined || value === null ? "" : plain(value);
  });
  return text.replace(/[:/]+$/, "");
}
