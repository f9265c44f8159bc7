import type { CopyTable, OnConflict } from "./copy.ts";

export const quoted = (name: string) => `"${name}"`;
export const list = (names: readonly string[]) => names.map(quoted).join(", ");

/** Returns the end of an insert, in both dialects. */
export function conflictClause(
  { key }: CopyTable,
  columns: readonly string[],
  onConflict: OnConflict,
): string {
  if (onConflict === "refuse" || key.length === 0) return "";
  const others = columns.filter((column) => !key.includes(column));
  if (onConflict === "keep" || others.length === 0) return ` on conflict (${list(key)}) do nothing`;
  const set = others.map((column) => `${quoted(column)} = excluded.${quoted(column)}`).join(", ");
  return ` on conflict (${list(key)}) do update set ${set}`;
}

/** Returns the conditions and the order of the rows of a table. */
export function selection({ name, where, order }: CopyTable): string {
  return `from ${quoted(name)}${where === undefined ? "" : ` where ${where}`} order by ${list(order)}`;
}

/** Gives the events of the audit log up to the row `$1` new numbers. The database assigns them. */
export function moveStatements(columns: readonly string[]): [insert: string, remove: string] {
  return [
    `insert into audit_events (${list(columns)}) select ${list(columns)} from audit_events where id <= $1 order by id`,
    "delete from audit_events where id <= $1",
  ];
}
