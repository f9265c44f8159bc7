import { indexWhere } from "./tables.ts";
import type { Row } from "./types.ts";

/** Returns the rows of a table, which is sorted by name, that have a name: those of all scopes and owners. */
export function rowsNamed<R extends Pick<Row, "name">>(sorted: readonly R[], name: string): readonly R[] {
  const from = indexWhere(sorted, (row) => row.name >= name);
  const to = indexWhere(sorted, (row) => row.name > name);
  return sorted.slice(from, to);
}
