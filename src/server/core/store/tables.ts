import { eachInTurns, sortedInTurns } from "../../../wire/next-turn.ts";
import type { Row } from "./types.ts";

/** Rows of one kind. */
export interface Table<R = Row> {
  /** Rows outside any scope, by name: most kinds have no scopes. */
  readonly byName: ReadonlyMap<string, R>;
  /** Rows of a scope, by `scope/name`. */
  readonly scoped: ReadonlyMap<string, R>;
  /** Rows sorted by name, then scope, then id. */
  readonly sorted: readonly R[];
}

const emptyTable: Table = { byName: new Map(), scoped: new Map(), sorted: [] };

/** Returns the key of a row in `Table.scoped`. */
export function nameKey(scope: string, name: string): string {
  return `${scope}/${name}`;
}

/** Returns the table of the rows of a kind. */
export function tableOf(rows: readonly Row[]): Table {
  if (rows.length === 0) return emptyTable;
  const sorted = rows.toSorted(compare);
  return {
    byName: new Map(sorted.filter(({ scope }) => scope === "").map((row) => [row.name, row])),
    scoped: new Map(sorted.map((row) => [nameKey(row.scope, row.name), row])),
    sorted,
  };
}

/** Returns the same table, made in several turns of the event loop where the rows are many (T338). */
export async function tableInTurns(rows: readonly Row[]): Promise<Table> {
  if (rows.length === 0) return emptyTable;
  const sorted = await sortedInTurns(rows, compare);
  const byName = new Map<string, Row>();
  const scoped = new Map<string, Row>();
  await eachInTurns(sorted, (row) => {
    if (row.scope === "") byName.set(row.name, row);
    scoped.set(nameKey(row.scope, row.name), row);
  });
  return { byName, scoped, sorted };
}

/**
 * Returns a table after some changes. It is not sorted anew: a write must not take long because there are many rows
 * (T328).
 *
 * @param changed ids of the rows that were changed or deleted
 * @param now those of them that there are now, and new ones
 */
export function tableAfter(before: Table, changed: ReadonlySet<string>, now: readonly Row[]): Table {
  const gone: Row[] = [];
  const kept: Row[] = [];
  for (const row of before.sorted) (changed.has(row.id) ? gone : kept).push(row);
  const sorted = merged(kept, now.toSorted(compare));
  if (sorted.length === 0) return emptyTable;
  const byName = new Map(before.byName);
  const scoped = new Map(before.scoped);
  for (const { name, scope } of gone) {
    if (scope === "") byName.delete(name);
    scoped.delete(nameKey(scope, name));
  }
  // Several rows have one name where each owner has names of its own: the last of them counts.
  for (const name of new Set([...gone, ...now].map(({ name }) => name)))
    for (let at = indexWhere(sorted, (row) => row.name >= name); sorted[at]?.name === name; at++) {
      const row = sorted[at]!;
      if (row.scope === "") byName.set(name, row);
      scoped.set(nameKey(row.scope, name), row);
    }
  return { byName, scoped, sorted };
}

/** Merges two sorted lists, of which the second is short. */
function merged(rows: readonly Row[], others: readonly Row[]): Row[] {
  const all: Row[] = [];
  let from = 0;
  for (const other of others) {
    const to = indexWhere(rows, (row) => compare(row, other) >= 0);
    while (from < to) all.push(rows[from++]!);
    all.push(other);
  }
  return all.concat(rows.slice(from));
}

/** Returns the index of the first row of a sorted list that is not before something, by halves; its length if there is none. */
export function indexWhere<R>(sorted: readonly R[], isNotBefore: (row: R) => boolean): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (isNotBefore(sorted[middle]!)) to = middle;
    else from = middle + 1;
  }
  return from;
}

function compare(a: Row, b: Row): number {
  return order(a.name, b.name) || order(a.scope, b.scope) || order(a.id, b.id);
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
