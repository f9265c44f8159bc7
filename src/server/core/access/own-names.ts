import type { Kind } from "../../../kinds/define.ts";
import { isId } from "../../../kinds/names.ts";
import { rowsNamed } from "../store/rows-named.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { Row } from "../store/types.ts";
import { decide, isVisible, type Principal } from "./policy.ts";

/** Returns the rows of the principal alone, where names are the owners' own and it has some; else all. */
export function ownFirst<R extends Row>(
  { userId }: Principal,
  { ownedNames }: Pick<Kind, "ownedNames">,
  rows: readonly R[],
): readonly R[] {
  const own = ownedNames ? rows.filter(({ owner }) => owner !== null && owner === userId) : [];
  return own.length > 0 ? own : rows;
}

/**
 * True if a principal may learn that a row exists, and so may name it: of names that each owner has for themself, its own
 * and those that it may view.
 */
export function mayName(
  principal: Principal,
  { ownedNames, plural }: Pick<Kind, "ownedNames" | "plural">,
  row: Row,
): boolean {
  if (!ownedNames) return isVisible(principal, plural, row);
  const isOwn = row.owner !== null && row.owner === principal.userId;
  return isOwn || decide(principal, "view", plural, row.name, row) === "allow";
}

/**
 * Returns the rows outside any scope that a principal means by a name, and may see: several where other users have the
 * name, and the principal has not (T178). An id means its row.
 */
export function meantRows(
  snapshot: Snapshot,
  principal: Principal,
  kind: Kind,
  name: string,
): readonly Row[] {
  if (!kind.ownedNames) {
    const row = snapshot.named(kind.kind, name);
    return row && mayName(principal, kind, row) ? [row] : [];
  }
  const byId = isId(name) ? snapshot.byId.get(name) : undefined;
  const { sorted }: { sorted: readonly Row[] } = snapshot.table(kind.kind);
  const named =
    byId?.kind === kind.kind ? [byId] : rowsNamed(sorted, name).filter(({ scope }) => scope === "");
  return ownFirst(
    principal,
    kind,
    named.filter((row) => mayName(principal, kind, row)),
  );
}
