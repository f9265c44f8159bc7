import { AppError } from "../../errors.ts";
import { nextTurn } from "../../wire/next-turn.ts";
import { hasSameRights } from "../core/access/principals.ts";
import type { AuditFilter, AuditTail } from "../core/store/types.ts";
import { actorNames, visibleEvent } from "./audit-events.ts";
import { eventResponse } from "./event-stream.ts";
import { wholeNumberIn } from "./query.ts";
import type { Call } from "./route.ts";
import type { Server } from "./server.ts";

/** Milliseconds in which events are gathered and then read together, so that many calls cost as much as few. */
const gatherMilliseconds = 50;

/** The most events that are read at once. */
const batchSize = 1000;

/**
 * Audit events as they are committed, oldest first. The id of each is the number of its row: with `after` a follower
 * that lost its connection goes on without a gap. The stream ends when the rights of its bearer change.
 */
export async function followAudit(server: Server, call: Call, filter: AuditFilter): Promise<Response> {
  const { catalogue } = server;
  const { store } = catalogue;
  const { principal } = call;
  if (call.query.has("until"))
    throw new AppError("invalid_request", "until cannot be used with watch: a watch has no end");
  const after = wholeNumberIn(call.query, "after");
  const all = { ...filter, limit: batchSize };
  // The caller's limit is about the events before the watch. There are none where it goes on after a given event.
  const first = await store.auditTail(after, after === undefined ? filter : all);
  const namesIn = ({ events }: AuditTail) =>
    actorNames(
      catalogue,
      events.map(({ event }) => event),
    );
  const firstNames = await namesIn(first);
  return eventResponse(server, call, (stream) => {
    let { last } = first;
    const send = (events: AuditTail["events"], nameOf: Awaited<ReturnType<typeof actorNames>>) => {
      for (const { row, event } of events) {
        const object = visibleEvent(catalogue.snapshot, principal, event, nameOf);
        if (object) stream.send("audit", row, object);
      }
    };
    const read = async () => {
      for (let before = -1; before !== last && !stream.isEnded; ) {
        before = last;
        const tail = await store.auditTail(last, all);
        const names = await namesIn(tail);
        if (stream.isEnded) return;
        send(tail.events, names);
        last = tail.last;
        if (stream.isOverrun) return stream.end();
        // SQLite answers in the same turn of the event loop: a log of a million events would hold it (T330).
        await nextTurn();
      }
    };
    // If the database does not answer, the follower connects again and goes on from its last event.
    const { ring, cancel } = gathered(() => read().catch(() => stream.end()));
    stream.onEnd(cancel);
    stream.onEnd(store.onAudit(ring));
    stream.onEnd(
      catalogue.subscribe((changes) => {
        if (!changes || !hasSameRights(catalogue.snapshot, principal)) stream.end();
      }),
    );
    // The rights may have changed while the database was read.
    if (!hasSameRights(catalogue.snapshot, principal)) return stream.end();
    send(first.events, firstNames);
    // The place to go on from, also where there was no event.
    stream.send("synced", last, {});
    // Events that came after the first read.
    ring();
  });
}

/** Runs work a little after a ring. Rings before that are one with it; rings while it runs are one more run. */
function gathered(work: () => Promise<void>): { ring(): void; cancel(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isRunning = false;
  let again = false;
  let isCancelled = false;
  const ring = () => {
    if (isRunning) {
      again = true;
      return;
    }
    timer ??= setTimeout(async () => {
      timer = undefined;
      isRunning = true;
      await work();
      isRunning = false;
      if (!again || isCancelled) return;
      again = false;
      ring();
    }, gatherMilliseconds);
  };
  return {
    ring,
    cancel() {
      isCancelled = true;
      clearTimeout(timer);
    },
  };
}
