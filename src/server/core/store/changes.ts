import { type Change, StoreError } from "./types.ts";

/** A change before it has a revision. */
export type Note = Omit<Change, "revision">;

/**
 * Returns the changes after a revision, in order and at most `limit`. Returns null if some of them are pruned, or if the
 * revision is ahead of the database, as after the restore of an older backup. This works because revisions have no gaps
 * and the newest change is never pruned.
 *
 * @param changes the changes from `revision` on, in order
 */
export function after(revision: number, changes: Change[], limit: number): Change[] | null {
  const first = changes[0]?.revision ?? 0;
  if (first > revision + 1 || first < revision) return null;
  return changes.filter((change) => change.revision > revision).slice(0, limit);
}

/** Returns the changes that tell of deleted sessions. */
export function ended(gone: readonly { id: string }[]): Note[] {
  return gone.map(({ id }) => ({ kind: "session", id, operation: "delete" }));
}

/** Throws StoreError if a query has found something. */
export function refuseIf(found: readonly unknown[], refusal: "referenced" | "dangling"): void {
  if (found.length > 0) throw new StoreError(refusal);
}
