import { serverPrincipal } from "../core/access/policy.ts";
import { changeEvent } from "../core/caller.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { Row, Write } from "../core/store/types.ts";
import type { Leases } from "./leases.ts";
import type { LlmStatuses } from "./llm-statuses.ts";
import type { RowWrites } from "./row-writes.ts";
import type { SessionRegistry, SessionState } from "./session-registry.ts";
import { isCallable, removable, rowsOf, virtualRows, withStatus } from "./virtual-rows.ts";

export interface ExpiryOptions {
  catalogue: Catalogue;
  registry: SessionRegistry;
  leases: Leases;
  statuses: LlmStatuses;
  writes: RowWrites;
  now(): number;
  /** An id for what the server does by itself. */
  requestId(): string;
  /** A stream is to be closed: nothing has come over it for too long, or its user is gone. */
  lapsed(sessionId: string, epoch: number): void;
}

/**
 * Ends what is over, in its turn: leases; then sessions that nobody comes back for, with what they published. What
 * another row still points at stays, and nobody can call it. Throws StoreError; the next look goes on.
 */
export async function endWhatIsOver(options: ExpiryOptions): Promise<void> {
  const { catalogue, registry, leases, statuses } = options;
  const isLate = ({ heardAt }: SessionState) => leases.isOver(heardAt);
  const isToEnd = (state: SessionState) => isOver(options, state) && canEnd(options, state.session.id);
  const isToStop = (state: SessionState) =>
    state.isAttached
      ? isLate(state)
      : !statuses.isElsewhere(state) && rowsOf(catalogue.snapshot, state.session.id).some(isCallable);
  // Another server on the same database may have heard of them, and may have taken some in.
  if (registry.all().some((state) => isToStop(state) || isToEnd(state)) || strays(options).length > 0)
    await registry.catchUp();

  for (const state of registry.all()) if (state.isAttached && isLate(state)) detach(options, state);
  await statuses.write(registry.all());
  for (const state of registry.all().filter(isToEnd)) {
    if (state.isAttached) detach(options, state);
    const { id } = state.session;
    await remove(options, () => rowsOf(catalogue.snapshot, id));
    if (rowsOf(catalogue.snapshot, id).length > 0) continue;
    await catalogue.store.deleteProviderSession(id);
    registry.forget(id);
  }
  if (strays(options).length > 0) await remove(options, () => strays(options));
}

function detach({ lapsed }: ExpiryOptions, state: SessionState): void {
  state.isAttached = false;
  lapsed(state.session.id, state.streamEpoch);
}

/** Whether nobody is to be expected: the user is gone, or the agent for hours, or for a lease when it has left nothing. */
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

/** Rows of sessions that are not there, as when their user was deleted, as far as there is something to do to them. */
function strays({ catalogue: { snapshot }, registry, leases }: ExpiryOptions): Row[] {
  if (leases.isWaiting) return [];
  const rows = [...virtualRows(snapshot)].flatMap(([id, list]) => (registry.get(id) ? [] : list));
  const going = new Set(removable(snapshot, rows));
  return rows.filter((row) => going.has(row) || isCallable(row));
}

/** Deletes what can be deleted of some rows, and has nobody call the others. */
async function remove(
  { catalogue, writes, now, requestId }: ExpiryOptions,
  rows: () => readonly Row[],
): Promise<void> {
  await writes.commit(() => {
    const { snapshot } = catalogue;
    const all = rows();
    const going = removable(snapshot, all);
    const at = now();
    return [
      ...all
        .filter((row) => !going.includes(row) && isCallable(row))
        .map((row) => withStatus(snapshot, row, "inactive", at)),
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
