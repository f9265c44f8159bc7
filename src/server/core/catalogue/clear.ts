import type { Kind } from "../../../kinds/define.ts";
import type { Pointer } from "../store/snapshot.ts";
import type { Row } from "../store/types.ts";

/**
 * A row without the references at some JSON pointers: a field becomes null, or goes where the kind does not
 * know null; an element of a list goes. Returns the next version of the row.
 */
export function withoutReferences(kind: Kind, row: Row, pointers: readonly Pointer[], now: number): Row {
  const spec = structuredClone(row.spec);
  const lists = new Map<string, Set<number>>();
  for (const { path } of pointers) {
    const [, field, index] = path.split("/") as [string, string, string?];
    if (index !== undefined) lists.set(field, (lists.get(field) ?? new Set()).add(Number(index)));
    else if (kind.fields.properties[field]?.["default"] === null) spec[field] = null;
    else delete spec[field];
  }
  for (const [field, gone] of lists) spec[field] = (spec[field] as unknown[]).filter((_, i) => !gone.has(i));
  return { ...row, spec, version: row.version + 1, updatedAt: now };
}
