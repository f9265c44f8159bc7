import { AppError } from "../../errors.ts";
import type { Kind, Resource } from "../../kinds/define.ts";
import { nextTurn } from "../../wire/next-turn.ts";
import { decideToShow, isShown } from "../core/access/parts.ts";
import type { Principal } from "../core/access/policy.ts";
import { hasSameRights } from "../core/access/principals.ts";
import type { RowChange } from "../core/catalogue/catalogue.ts";
import { hooks } from "../core/catalogue/hooks/index.ts";
import type { Row } from "../core/store/types.ts";
import { type EventStream, eventResponse } from "./event-stream.ts";
import { wholeNumberIn } from "./query.ts";
import type { Call } from "./route.ts";
import type { Server } from "./server.ts";

/** The most rows that a watch sends in one turn of the event loop. */
const rowsInTurn = 100;
/** The most changes that wait while the rows are being sent. */
const maxWaiting = 10_000;
/** Milliseconds between two looks if a slow reader has taken what was sent. */
const slowReader = 50;

/**
 * Returns changes of a kind as server-sent events: `added`, `modified` and `deleted`, with the revision as their id.
 * Without `since` it begins with all rows, then `synced`. A row that becomes hidden from the watcher is `deleted`, also
 * if it still exists for others (T53). A row is also `modified` when a row that its read-only fields tell about changes.
 */
export function watch(server: Server, kind: Kind, call: Call): Response {
  const { catalogue } = server;
  const since = wholeNumberIn(call.query, "since");
  const missed = since === undefined ? [] : catalogue.changesSince(since);
  if (!missed)
    throw new AppError("watch_expired", "changes that far back are no longer known", { hint: "list again" });
  const { principal } = call;
  return eventResponse(server, call, (stream) => {
    /** Changes that come while the rows are being sent. */
    let waiting: RowChange[] | undefined;
    const sendChanges = (changes: readonly RowChange[]) => {
      for (const change of changesSeen(server, kind, changes)) {
        const event = eventOf(server, kind, principal, change);
        if (event) stream.send(event.type, change.revision, event.object);
      }
    };
    const unsubscribe = catalogue.subscribe((changes) => {
      // With other rights other rows are visible: the watcher lists again.
      if (!changes || !hasSameRights(catalogue.snapshot, principal)) return stream.end();
      if (waiting) {
        waiting.push(...changes);
        if (waiting.length > maxWaiting) stream.end();
        return;
      }
      sendChanges(changes);
      if (stream.isOverrun) stream.end();
    });
    stream.onEnd(unsubscribe);
    if (since !== undefined) return sendChanges(missed);
    const { revision } = catalogue.snapshot;
    const sendAll = async () => {
      const rows = await server.resources.list(principal, kind);
      await inTurns(rows, stream, (row) =>
        stream.send("added", revision, server.resources.present(principal, kind, row)),
      );
      if (stream.isEnded) return;
      stream.send("synced", revision, {});
      const changes = waiting ?? [];
      waiting = undefined;
      sendChanges(changes);
    };
    waiting = [];
    void sendAll();
  });
}

/** Returns the changes of rows of a kind, each other row once that shows a change of a row of another kind. */
function changesSeen(
  { catalogue: { snapshot } }: Server,
  kind: Kind,
  changes: readonly RowChange[],
): RowChange[] {
  const shown = new Set<Row>();
  return changes.flatMap((change) => {
    if (change.kind === kind.kind) return [change];
    const row = change.after ?? change.before;
    const target = row && hooks[change.kind]?.shownIn?.(row);
    const own = target?.kind === kind.kind ? snapshot.named(target.kind, target.name) : undefined;
    if (!own || shown.has(own)) return [];
    shown.add(own);
    return [{ ...change, kind: kind.kind, before: own, after: own }];
  });
}

/** Sends rows, some in each turn of the event loop, so that many rows hold up no other request (T128). */
async function inTurns(rows: readonly Row[], stream: EventStream, send: (row: Row) => void): Promise<void> {
  for (let from = 0; from < rows.length && !stream.isEnded; from += rowsInTurn) {
    if (from > 0) await nextTurn();
    while (stream.isOverrun && !stream.isEnded) await Bun.sleep(slowReader);
    for (const row of rows.slice(from, from + rowsInTurn)) if (!stream.isEnded) send(row);
  }
}

/** Returns the event of a change for a principal; undefined if the principal may see the row neither before nor after. */
function eventOf(
  server: Server,
  kind: Kind,
  principal: Principal,
  { before, after }: RowChange,
): { type: string; object: Resource | { id: string; name: string } } | undefined {
  const { snapshot } = server.catalogue;
  const sees = (row: Row | undefined) =>
    row && isShown(decideToShow(snapshot, principal, kind, { name: row.name, scope: row.scope, row }));
  const saw = sees(before);
  if (after && sees(after)) {
    const object = server.resources.present(principal, kind, after);
    return { type: saw ? "modified" : "added", object };
  }
  return saw && before ? { type: "deleted", object: { id: before.id, name: before.name } } : undefined;
}
