import { Type } from "@sinclair/typebox";
import { nullable } from "../../../kinds/define.ts";
import { project as projectKind } from "../../../kinds/project.ts";
import { tokenIdOf } from "../../core/access/policy.ts";
import { eventBy } from "../../core/caller.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import { sessionLabel } from "../../mcp/client-label.ts";
import type { TrafficMessage } from "../../mcp/traffic/message-ring.ts";
import { type EventStream, eventResponse } from "../event-stream.ts";
import { wholeNumberIn } from "../query.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import { isStillAllowed } from "../still-allowed.ts";

/** The messages that are sent before new ones, if the caller does not say. */
const defaultTail = 200;

/** The messages that are sent in one go. */
const batchSize = 50;

/** Milliseconds after which a reader that is far behind gets more. */
const pause = 50;

const Sessions = Type.Array(
  Type.Object({
    session: Type.String({ description: "The begin of its id" }),
    user: nullable(Type.String()),
    token: nullable(Type.String()),
    client: nullable(Type.String({ description: "The name and version that the client gives" })),
    revision: Type.String(),
    begunAt: Type.String({ description: "RFC 3339" }),
    usedAt: Type.String({ description: "The time of its last request, RFC 3339" }),
    requests: Type.Integer({ description: "Requests that wait for an answer" }),
    listening: Type.Boolean({ description: "True if the client holds a stream" }),
  }),
);

/** The messages and sessions of a project's MCP clients. They tell what others do, so they need `edit` on the project. */
export function mcpTrafficRoutes(server: Server): Route[] {
  const access = { verb: "update", resource: projectKind.plural } as const;
  const at = `/api/v1/${projectKind.plural}/:idOrName`;
  return [
    {
      method: "GET",
      path: `${at}/traffic`,
      access,
      summary:
        "Stream the MCP messages of a project that this server keeps in memory, then new ones, as server-sent events",
      query: {
        tail: `The most messages before new ones; ${defaultTail} if not given`,
        after: "Only messages after the one with this id, as far as they are still kept",
      },
      handle: (call) => followTraffic(server, call, mustEdit(server, call)),
    },
    {
      method: "GET",
      path: `${at}/sessions`,
      access,
      summary:
        "List the sessions that MCP clients of revisions with sessions have with a project on this server",
      response: Sessions,
      handle: (call) => Response.json(sessionsOf(server, mustEdit(server, call))),
    },
  ];
}

/** Returns the project of a request. Throws AppError unless the caller may edit it (T220). */
function mustEdit({ resources }: Server, { principal, params }: Call): ProjectRow {
  return resources.find(principal, "update", projectKind, params["idOrName"]!) as ProjectRow;
}

/** Streams messages. Who reads slowly misses some, and is told so; the stream ends when the right ends. */
async function followTraffic(server: Server, call: Call, row: ProjectRow): Promise<Response> {
  const { catalogue, mcp, audit, node, cluster } = server;
  const after = wholeNumberIn(call.query, "after");
  const tail = wholeNumberIn(call.query, "tail") ?? defaultTail;
  const detail = { kind: row.kind, name: row.name, id: row.id };
  if (!call.isHead)
    await audit.record(eventBy(call, { at: server.now(), action: "traffic", status: 200, detail }));
  const traffic = mcp.traffic.of(row);
  return eventResponse(server, call, (stream) => {
    let seq = after ?? traffic.ring.seqBefore(tail);
    let mode: string | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const send = () => {
      clearTimeout(timer);
      timer = undefined;
      if (stream.isEnded) return;
      if (mode !== traffic.mode) {
        mode = traffic.mode;
        stream.send("state", seq, { traffic: mode, node, severalNodes: cluster !== undefined });
      }
      seq = sendAfter(stream, seq, traffic.ring, catalogue.snapshot);
      if (stream.isOverrun) timer = setTimeout(send, pause);
    };
    // Messages of one turn go out together.
    const ring = () => {
      timer ??= setTimeout(send, 0);
    };
    stream.onEnd(() => clearTimeout(timer));
    stream.onEnd(traffic.follow(ring));
    stream.onEnd(
      catalogue.subscribe(() => {
        if (!isStillAllowed(server, call, "update", projectKind, row.id)) stream.end();
      }),
    );
    send();
  });
}

/** Sends the messages after one, as far as the reader keeps up. Returns the number of the last one. */
function sendAfter(
  stream: EventStream,
  seq: number,
  ring: ReturnType<Server["mcp"]["traffic"]["of"]>["ring"],
  snapshot: Snapshot,
): number {
  let last = seq;
  if (ring.hasDroppedAfter(last)) stream.send("gap", last, {});
  while (!stream.isOverrun) {
    const messages = ring.after(last, batchSize);
    if (messages.length === 0) break;
    for (const message of messages) stream.send("message", message.seq, shown(message, snapshot));
    last = messages.at(-1)!.seq;
  }
  return last;
}

function shown({ at, userId, tokenId, body, isCut, ...message }: TrafficMessage, snapshot: Snapshot): object {
  return {
    ...message,
    at: new Date(at).toISOString(),
    user: snapshot.nameOf(userId),
    token: snapshot.nameOf(tokenId),
    ...(body && { body: Buffer.from(body).toString() }),
    ...(isCut && { isCut }),
  };
}

function sessionsOf({ mcp, catalogue: { snapshot }, now }: Server, row: ProjectRow): object[] {
  const ago = (milliseconds: number) => new Date(now() - milliseconds).toISOString();
  return mcp.endpoint.sessions.of(row).map(({ session, age, idle }) => ({
    session: sessionLabel(session.id),
    user: snapshot.nameOf(session.principal.userId),
    token: snapshot.nameOf(tokenIdOf(session.principal)),
    client: session.client ?? null,
    revision: session.revision,
    begunAt: ago(age),
    usedAt: ago(idle),
    requests: session.requests,
    listening: session.isListening,
  }));
}
