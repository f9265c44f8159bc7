import { agent } from "../../kinds/agent.ts";
import { kindOf } from "../../kinds/index.ts";
import { llm } from "../../kinds/llm.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import { isOf, isVirtual } from "../core/store/typed-rows.ts";
import type { Row, Write } from "../core/store/types.ts";

const bySession = new WeakMap<Snapshot, ReadonlyMap<string, Row[]>>();

/** What agents have published, by session. A snapshot never changes, so it is worked out once. */
export function virtualRows(snapshot: Snapshot): ReadonlyMap<string, readonly Row[]> {
  const known = bySession.get(snapshot);
  if (known) return known;
  const rows = [llm, agent].flatMap(({ kind }) => snapshot.table(kind).sorted.filter(isVirtual));
  const made = Map.groupBy(rows, ({ status }) => String(status.session));
  bySession.set(snapshot, made);
  return made;
}

/** What a session has published, llms and personas. */
export function rowsOf(snapshot: Snapshot, sessionId: string): readonly Row[] {
  return virtualRows(snapshot).get(sessionId) ?? [];
}

/**
 * Those of some rows that can be deleted: nothing points at them but what goes as well.
 *
 * @param lettingGo ids of rows whose references do not count, as they go with the same commit
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

/** The same row with another status, and its references. */
export function withStatus(snapshot: Snapshot, row: Row, status: string, now: number): Write {
  const next = { ...row, status: { ...row.status, status }, version: row.version + 1, updatedAt: now };
  return { op: "update", row: next, refs: snapshot.refsOf(row.id) };
}

/** Whether a row is an llm that says it can be called, now or once it is woken. */
export function isCallable(row: Row): boolean {
  return isOf(llm, row) && row.status.status !== "inactive";
}
