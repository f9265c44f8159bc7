import { AppError } from "../../../errors.ts";
import { kindOf } from "../../../kinds/index.ts";
import { eventStreamHeaders } from "../../../wire/sse.ts";
import { isVisible, type Principal } from "../../core/access/policy.ts";
import { principalAt } from "../../core/access/principals.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { AuditEvent, AuditFilter, Row } from "../../core/store/types.ts";
import { wholeNumberIn } from "../query.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

/** A follower that reads slower than things happen is cut off at this much, and goes on where it was. */
const maxQueuedBytes = 8 * 1024 * 1024;
/** Events that come together are read together: what follows costs the same however many calls there are. */
const gatherMilliseconds = 50;

/** What has happened, as a list or as it happens. */
export function auditRoutes(server: Server): Route[] {
  return [
    {
      method: "GET",
      path: "/api/v1/audit",
      access: { verb: "view", resource: "audit" },
      summary:
        "What has happened, newest first; with watch=1 as server-sent events, oldest first, without end",
      query: {
        since: "RFC 3339",
        until: "RFC 3339",
        llm: "Only calls of this llm",
        user: "Only by this user",
        action: "llm_inference_call, login, create, …",
        status: "Only with this status: 429, or 5xx",
        limit: "At most so many; 100 when not given, never more than 1000",
        watch: "1 to stay: first the newest that there are, then what comes",
        after: "With watch: only what came after the event of this id",
      },
      handle: async (call) => {
        const filter = filterOf(call.query, server.catalogue.snapshot);
        if (call.query.get("watch") === "1") return follow(server, call, filter);
        const events = await server.catalogue.store.queryAudit(filter);
        return Response.json(
          events.flatMap((event) => shown(server.catalogue.snapshot, call.principal, event)),
        );
      },
    },
  ];
}

function filterOf(query: URLSearchParams, snapshot: Snapshot): AuditFilter {
  const filter: AuditFilter = { limit: Math.min(wholeNumberIn(query, "limit") ?? 100, 1000) };
  for (const name of ["since", "until"] as const) {
    const text = query.get(name);
    if (text === null) continue;
    const at = Date.parse(text);
    if (Number.isNaN(at))
      throw new AppError("invalid_request", `${name} must be a time such as 2026-11-21T10:00:00Z`);
    filter[name] = at;
  }
  for (const name of ["llm", "action"] as const) {
    const text = query.get(name);
    if (text !== null) filter[name] = text;
  }
  const status = query.get("status");
  if (status !== null) filter.status = statusRange(status);
  const user = query.get("user");
  // A user that is gone may still be asked for by id.
  if (user !== null) filter.user = snapshot.named("user", user)?.id ?? user;
  return filter;
}

/** `429` is that one, `5xx` all of its hundred. */
function statusRange(text: string): { from: number; to: number } {
  if (!/^[1-9](\d\d|xx)$/.test(text))
    throw new AppError("invalid_request", "status must be one such as 429, or a class such as 5xx");
  const from = Number(text.replace("xx", "00"));
  return { from, to: text.endsWith("xx") ? from + 99 : from };
}

/** An event as somebody may see it: nothing of one that tells of what is hidden from them. */
function shown(snapshot: Snapshot, principal: Principal, event: AuditEvent): object[] {
  const hidden = subjects(snapshot, event).some((row) => !isVisible(principal, kindOf(row.kind).plural, row));
  if (hidden) return [];
  const token = snapshot.nameOf(event.tokenId);
  return [
    {
      ...event,
      at: new Date(event.at).toISOString(),
      user: snapshot.nameOf(event.userId),
      ...(token !== null && { token }),
    },
  ];
}

/** The rows that an event tells of and that are still there: a private one is not told of to others (T52). */
function subjects(snapshot: Snapshot, { llm, poolMember, detail }: AuditEvent): Row[] {
  const called = [llm, poolMember].map((name) => name && snapshot.named("llm", name));
  return [...called, snapshot.byId.get(String(detail?.["id"]))].filter((row) => typeof row === "object");
}

/**
 * Events as they are committed, with the number of their row as their id, by which a follower that lost its connection
 * goes on without gap. It ends with the bearer, and when that may see more or less than at its beginning.
 */
async function follow(server: Server, call: Call, filter: AuditFilter): Promise<Response> {
  const { catalogue, streams } = server;
  const { store } = catalogue;
  const { principal } = call;
  if (filter.until !== undefined)
    throw new AppError("invalid_request", "what is followed has no end: until cannot go with watch");
  const after = wholeNumberIn(call.query, "after");
  const all = { ...filter, limit: 1000 };
  // How many are wanted is said of the beginning alone: behind a given one there is no choice.
  const first = await store.auditTail(after, after === undefined ? filter : all);
  const hasOtherRights = () =>
    !Bun.deepEquals(principalAt(catalogue.snapshot, principal).policies, principal.policies);
  const encoder = new TextEncoder();
  let release = () => {};
  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let { last } = first;
        let ended = false;
        let gathering: ReturnType<typeof setTimeout> | undefined;
        const comment = () => controller.enqueue(encoder.encode(":\n\n"));
        const send = (events: typeof first.events) => {
          for (const { row, event } of events)
            for (const data of shown(catalogue.snapshot, principal, event))
              controller.enqueue(
                encoder.encode(`event: audit\nid: ${row}\ndata: ${JSON.stringify(data)}\n\n`),
              );
        };
        const read = async () => {
          for (let before = -1; before !== last && !ended; ) {
            before = last;
            const tail = await store.auditTail(last, all);
            if (ended) return;
            send(tail.events);
            last = tail.last;
            if (-(controller.desiredSize ?? 0) > maxQueuedBytes) return end();
          }
        };
        // Rung while it reads, it looks once more afterwards.
        let reading = false;
        let again = false;
        const look = () => {
          if (reading) {
            again = true;
            return;
          }
          gathering ??= setTimeout(async () => {
            gathering = undefined;
            reading = true;
            // The database does not answer: the follower tries again, and goes on from here.
            await read().catch(() => end());
            reading = false;
            if (again && !ended) {
              again = false;
              look();
            }
          }, gatherMilliseconds);
        };
        const end = () => {
          if (ended) return;
          release();
          controller.close();
        };
        const stopListening = store.onAudit(look);
        const unsubscribe = catalogue.subscribe((changes) => {
          if (!changes || hasOtherRights()) end();
        });
        const beat = setInterval(comment, 15_000);
        const forget = streams.add(principal, end, true);
        release = () => {
          ended = true;
          clearTimeout(gathering);
          clearInterval(beat);
          stopListening();
          unsubscribe();
          forget();
        };
        // Bun sends the head of an answer with its first byte.
        comment();
        // They may have changed while the database was asked.
        if (hasOtherRights()) return end();
        send(first.events);
        // Where to go on from, also when there was nothing.
        controller.enqueue(encoder.encode(`event: synced\nid: ${last}\ndata: {}\n\n`));
        // What came between the first look and now.
        look();
      },
      cancel: () => release(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
  return new Response(stream, { headers: eventStreamHeaders });
}
