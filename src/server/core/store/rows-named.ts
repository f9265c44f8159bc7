import { oncePerObject } from "../once-per-object.ts";
import type { Row } from "./types.ts";

/** The rows of a table by name. A table lives as long as no row of its kind changes. */
const byName = oncePerObject((rows: readonly { name: string }[]) => Map.groupBy(rows, ({ name }) => name));

/** Returns the rows of a sorted table that have a name, of all scopes and owners. */
export function rowsNamed<R extends Pick<Row, "name">>(sorted: readonly R[], name: string): readonly R[] {
  return (byName(sorted).get(name) ?? []) as unknown as readonly R[];
}
