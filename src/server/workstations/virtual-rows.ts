import { agent } from "../../kinds/agent.ts";
import { kindOf } from "../../kinds/index.ts";
import { llm } from "../../kinds/llm.ts";
import { oncePerObject } from "../core/once-per-object.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import { isOf, isVirtual } from "../core/store/typed-rows.ts";
import type { Row, Write } from "../core/store/types.ts";

/** Returns the rows that agents publish, by session. */
export const virtualRows = oncePerObject((snapshot: Snapshot): ReadonlyMap<string, readonly Row[]> => {
  const rows = [llm, agent].flatMap(({ kind }) => snapshot.table(kind).sorted.filter(isVirtual));
  return Map.groupBy(rows, ({ status }) => String(status.session));
});

/** Returns the llms and personas that a session has published. */
export function rowsOf(snapshot: Snapshot, sessionId: string): readonly Row[] {
  return virtualRows(snapshot).get(sessionId) ?? [];
}

/**
 * Returns those rows that can be deleted, because only rows that are deleted as well refer to them.
 *
 * @param lettingGo ids of rows whose references do not count, because the same commit removes them
 * @returns the rows in the order in which to delete them
 */
export function removable(
  snapshot: Snapshot,
  rows: readonly Row[],
  lettingGo: ReadonlySet<string> = new Set(),
): Row[] {
  const going = new Set(rows.map(({ id }) => id));
  const isHeld = (id: string) =>
    (snapshot.pointersTo.get(id) ?? []).some(({ fromId }) => !going.has(fromId) && !lettingGo.has(fromId));
  for (let before = -1; before !== going.size; ) {
    before = going.size;
    for (const id of going) if (isHeld(id)) going.delete(id);
  }
  const order = ({ kind }: Row) => kindOf(kind).order;
  return rows.filter(({ id }) => going.has(id)).sort((a, b) => order(b) - order(a));
}

/** Returns the write that gives a row another status and keeps its references. */
export function withStatus(snapshot: Snapshot, row: Row, status: string, now: number): Write {
  const next = { ...row, status: { ...row.status, status }, version: row.version + 1, updatedAt: now };
  return { op: "update", row: next, refs: snapshot.refsOf(row.id) };
}

/** Returns true if a row is an llm that can be called, at once or after it is woken. */
export function isCallable(row: Row): boolean {
  return isOf(llm, row) && row.status.status !== "inactive";
}
