import type { Kind } from "../../../kinds/define.ts";
import type { Pointer } from "../store/indexes.ts";
import type { Row } from "../store/types.ts";

/**
 * Returns the next version of a row, without the references at some JSON pointers. A field becomes null, or is removed
 * where the kind does not allow null; an element of a list is removed.
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
