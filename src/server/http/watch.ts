import { AppError } from "../../errors.ts";
import type { Kind, Resource } from "../../kinds/define.ts";
import { eventStreamHeaders } from "../../wire/sse.ts";
import { decide, type Principal } from "../core/access/policy.ts";
import { principalAt } from "../core/access/principals.ts";
import type { RowChange } from "../core/catalogue/catalogue.ts";
import type { Row } from "../core/store/types.ts";
import { wholeNumberIn } from "./query.ts";
import type { Call } from "./route.ts";
import type { Server } from "./server.ts";

/** A watcher that reads slower than things change is cut off at this much, and lists again. */
const maxQueuedBytes = 8 * 1024 * 1024;

/**
 * Changes of a kind as server-sent events: `added`, `modified`, `deleted`, with the revision as their id. Without
 * `since` it begins with what is there, and `synced`. A row that goes out of sight is `deleted`, whether or not it
 * still exists for others (T53).
 */
export function watch(server: Server, kind: Kind, call: Call): Response {
  const { catalogue } = server;
  const since = wholeNumberIn(call.query, "since");
  const missed = since === undefined ? [] : catalogue.changesSince(since);
  if (!missed)
    throw new AppError("watch_expired", "changes that far back are no longer known", { hint: "list again" });
  const encoder = new TextEncoder();
  let release = () => {};
  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const { principal } = call;
        const send = (event: string, id: number, data: object) =>
          controller.enqueue(encoder.encode(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`));
        const tell = (changes: readonly RowChange[]) => {
          for (const change of changes) {
            if (change.kind !== kind.kind) continue;
            const event = eventOf(server, kind, principal, change);
            if (event) send(event.type, change.revision, event.object);
          }
        };
        const stopListening = catalogue.subscribe((changes) => {
          // With other rights other rows are in sight: the watcher lists again.
          const now = principalAt(catalogue.snapshot, principal);
          if (!changes || !Bun.deepEquals(now.policies, principal.policies)) return end();
          tell(changes);
          if (-(controller.desiredSize ?? 0) > maxQueuedBytes) end();
        });
        const comment = () => controller.enqueue(encoder.encode(":\n\n"));
        const beat = setInterval(comment, 15_000);
        let ended = false;
        const end = () => {
          if (ended) return;
          release();
          controller.close();
        };
        const forget = server.streams.add(principal, end, true);
        release = () => {
          ended = true;
          stopListening();
          clearInterval(beat);
          forget();
        };
        // Bun sends the head of an answer with its first byte: the watcher should not wait for something to change.
        comment();
        if (since !== undefined) return tell(missed);
        const { revision } = catalogue.snapshot;
        for (const row of server.resources.list(principal, kind))
          send("added", revision, server.resources.present(principal, kind, row));
        send("synced", revision, {});
      },
      cancel: () => release(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
  return new Response(stream, { headers: eventStreamHeaders });
}

/** What a change of a row looks like to somebody; undefined when it is none of their business. */
function eventOf(
  server: Server,
  kind: Kind,
  principal: Principal,
  { before, after }: RowChange,
): { type: string; object: Resource | { id: string; name: string } } | undefined {
  const sees = (row: Row | undefined) =>
    row && decide(principal, "view", kind.plural, row.name, row) === "allow";
  const saw = sees(before);
  if (after && sees(after)) {
    const object = server.resources.present(principal, kind, after);
    return { type: saw ? "modified" : "added", object };
  }
  return saw && before ? { type: "deleted", object: { id: before.id, name: before.name } } : undefined;
}
