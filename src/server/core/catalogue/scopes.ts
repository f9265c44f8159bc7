import { oncePerObject } from "../once-per-object.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { Table } from "../store/tables.ts";
import type { RowOf } from "../store/typed-rows.ts";
import type { Row } from "../store/types.ts";

/** Returns the rows of a kind in a scope, sorted by name. */
export function inScope<Name extends string>(
  snapshot: Snapshot,
  kind: Name,
  scope: string,
): readonly RowOf<Name>[] {
  const rows = byScope(snapshot.table(kind) as unknown as Table).get(scope) ?? [];
  return rows as unknown as readonly RowOf<Name>[];
}

const byScope = oncePerObject(
  ({ sorted }: Table): ReadonlyMap<string, readonly Row[]> => Map.groupBy(sorted, ({ scope }) => scope),
);
