import { serverPrincipal } from "../core/access/policy.ts";
import { changeEvent } from "../core/caller.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { RowWrites } from "../core/catalogue/row-writes.ts";
import type { Row, Write } from "../core/store/types.ts";
import type { Leases } from "./leases.ts";
import type { LlmStatuses } from "./llm-statuses.ts";
import type { SessionRegistry, SessionState } from "./session-registry.ts";
import { asAway, isCallable, publishingSessions, removable, rowsOf } from "./virtual-rows.ts";

export interface ExpiryOptions {
  catalogue: Catalogue;
  registry: SessionRegistry;
  leases: Leases;
  statuses: LlmStatuses;
  writes: RowWrites;
  now(): number;
  /** Returns a request id for an action of the server itself. */
  requestId(): string;
  /** Closes a stream: it was silent for too long, or its user was deleted. */
  onLapsed(sessionId: string, epoch: number): void;
}

/**
 * Ends leases that are over; then deletes sessions to which no agent comes back, with the rows that they published. A
 * row that another row still refers to stays, and cannot be called. Throws StoreError; the next check continues.
 */
export async function endExpired(options: ExpiryOptions): Promise<void> {
  const { catalogue, registry, leases, statuses } = options;
  const isLate = ({ heardAt }: SessionState) => leases.isOver(heardAt);
  const isToEnd = (state: SessionState) => isOver(options, state) && canEnd(options, state.session.id);
  const isToStop = (state: SessionState) =>
    state.isAttached
      ? isLate(state)
      : !statuses.isElsewhere(state) && rowsOf(catalogue.snapshot, state.session.id).some(isCallable);
  // Another server on the same database may have heard from these agents, or may have their sessions now.
  if (registry.all().some((state) => isToStop(state) || isToEnd(state)) || orphanRows(options).length > 0)
    await registry.catchUp();

  for (const state of registry.all()) if (state.isAttached && isLate(state)) detach(options, state);
  await statuses.write(registry.all());
  for (const state of registry.all().filter(isToEnd)) {
    // Its agent may have come back while those before it were ended.
    if (!isToEnd(state)) continue;
    if (state.isAttached) detach(options, state);
    const { id } = state.session;
    await remove(options, () => rowsOf(catalogue.snapshot, id));
    if (rowsOf(catalogue.snapshot, id).length > 0) continue;
    await catalogue.store.deleteProviderSession(id);
    registry.forget(id);
  }
  if (orphanRows(options).length > 0) await remove(options, () => orphanRows(options));
}

function detach({ onLapsed }: ExpiryOptions, state: SessionState): void {
  state.isAttached = false;
  onLapsed(state.session.id, state.streamEpoch);
}

/**
 * Returns true if no agent is expected to come back: the user was deleted, the agent is away for hours, or it is away
 * for a lease and has no rows.
 */
function isOver({ catalogue, leases }: ExpiryOptions, { session, heardAt }: SessionState): boolean {
  if (leases.isWaiting) return false;
  const { snapshot } = catalogue;
  const hasRows = rowsOf(snapshot, session.id).length > 0;
  return (
    !snapshot.byId.has(session.ownerId) || leases.isForgotten(heardAt) || (!hasRows && leases.isOver(heardAt))
  );
}

function canEnd({ catalogue: { snapshot } }: ExpiryOptions, sessionId: string): boolean {
  const rows = rowsOf(snapshot, sessionId);
  return rows.length === 0 || removable(snapshot, rows).length > 0;
}

/** Returns the rows of deleted sessions that can be deleted or must be made inactive. */
function orphanRows({ catalogue: { snapshot }, registry, leases }: ExpiryOptions): Row[] {
  if (leases.isWaiting) return [];
  const rows = [...publishingSessions(snapshot)].flatMap((id) =>
    registry.get(id) ? [] : rowsOf(snapshot, id),
  );
  const going = new Set(removable(snapshot, rows));
  return rows.filter((row) => going.has(row) || isCallable(row));
}

/** Deletes those rows that can be deleted, and makes the others inactive. */
async function remove(
  { catalogue, writes, now, requestId }: ExpiryOptions,
  rows: () => readonly Row[],
): Promise<void> {
  await writes.commit(() => {
    const { snapshot } = catalogue;
    const all = rows();
    const going = removable(snapshot, all);
    const goingRows = new Set(going);
    const at = now();
    return [
      ...all.filter((row) => !goingRows.has(row) && isCallable(row)).map((row) => asAway(snapshot, row, at)),
      ...going.flatMap((row): Write[] => [
        { op: "delete", id: row.id, version: row.version },
        {
          op: "audit",
          event: changeEvent({ principal: serverPrincipal, requestId: requestId() }, "delete", row, at),
        },
      ]),
    ];
  });
}
