import type { Change } from "./types.ts";

/** A change before it has a revision. */
export type Note = Omit<Change, "revision">;

/**
 * The changes after `revision`, at most `limit`, out of those from `revision` on, in order. Null when some in between have been
 * pruned, and when the revision lies ahead of the database, as after restoring an older backup. Works because
 * revisions have no gaps and pruning always leaves the newest one.
 */
export function after(revision: number, changes: Change[], limit: number): Change[] | null {
  const first = changes[0]?.revision ?? 0;
  if (first > revision + 1 || first < revision) return null;
  return changes.filter((change) => change.revision > revision).slice(0, limit);
}

/** Sessions that are gone, for the change feed. */
export function ended(gone: readonly { id: string }[]): Note[] {
  return gone.map(({ id }) => ({ kind: "session", id, operation: "delete" }));
}
