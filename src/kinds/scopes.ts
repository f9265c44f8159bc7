import type { Kind } from "./define.ts";

type Scoped = Pick<Kind, "scopedBy" | "orScopedBy">;
type Fields = Readonly<Record<string, unknown>>;

/** Returns the scope of a row with some fields, as it is stored: `website`, `agent:reviewer`, or "" for none. */
export function scopeOf({ scopedBy, orScopedBy }: Scoped, fields: Fields): string {
  if (scopedBy !== undefined && isGiven(fields[scopedBy])) return fields[scopedBy];
  if (orScopedBy !== undefined && isGiven(fields[orScopedBy])) return `${orScopedBy}:${fields[orScopedBy]}`;
  return "";
}

/**
 * Returns the query parameter that names the scope of an object with some fields. Without a scope it is empty, which
 * means the objects that have none.
 */
export function scopeParameter({ scopedBy, orScopedBy }: Scoped, fields: Fields): Record<string, string> {
  if (scopedBy === undefined) return {};
  if (!isGiven(fields[scopedBy]) && orScopedBy !== undefined && isGiven(fields[orScopedBy]))
    return { [orScopedBy]: fields[orScopedBy] };
  return { [scopedBy]: isGiven(fields[scopedBy]) ? fields[scopedBy] : "" };
}

/** Returns the scope that a query names, as it is stored; undefined for none. */
export function scopeIn(kind: Scoped, query: URLSearchParams): string | undefined {
  const names = [kind.scopedBy, kind.orScopedBy].filter((field) => field !== undefined);
  const given = names.find((field) => query.has(field));
  return given === undefined ? undefined : scopeOf(kind, { [given]: query.get(given) ?? "" });
}

function isGiven(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
