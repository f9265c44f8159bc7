import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { controlBytes, epochHeader, linkPaths, sessionHeader } from "../../../wire/link/constants.ts";
import { eventStreamHeaders } from "../../../wire/sse.ts";
import { numberIn } from "../../workstations/agent-result.ts";
import { eventStream } from "../../workstations/event-stream.ts";
import type { LinkConnection } from "../../workstations/link-session.ts";
import type { AttachedAgent } from "../../workstations/link-sessions.ts";
import { socketHandler, wantsSocket } from "../../workstations/socket.ts";
import { parseObject, readText } from "../body.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

const Accept = Type.Object({ epoch: Type.Optional(Type.Integer()), attempt: Type.Integer() });

const head = { epoch: Type.Optional(Type.Integer()), attempt: Type.Optional(Type.Integer()) };
const done = Type.Optional(Type.Boolean());
const Result = Type.Union([
  Type.Object({
    ...head,
    status: Type.Integer(),
    body: Type.Unknown(),
    retryAfter: Type.Optional(Type.Number()),
  }),
  Type.Object({ ...head, chunk: Type.Object({ data: Type.String(), done }) }),
  Type.Object({ ...head, seq: Type.Integer(), frames: Type.Array(Type.String()), done }),
  Type.Object({
    ...head,
    error: Type.Union([
      Type.String(),
      Type.Object({
        kind: Type.String(),
        message: Type.String(),
        retryAfter: Type.Optional(Type.Number()),
      }),
    ]),
  }),
]);
const Taken = Type.Object({ ackSeq: Type.Integer(), credit: Type.Integer(), cancelled: Type.Boolean() });

/** A token that was made for something else does not answer for its maker's agents. */
const access = { verb: "expose", resource: "llms" } as const;

/** What agents do once they are registered: a stream of tasks, and what becomes of these. */
export function linkRoutes(server: Server): Route[] {
  return [
    {
      method: "GET",
      path: linkPaths.stream,
      access,
      summary: `Tasks for the agent of the session in ${sessionHeader}, as server-sent events; upgraded to a WebSocket, both ways`,
      handle: (call) => stream(server, call),
    },
    {
      method: "POST",
      path: `${linkPaths.task}/:taskId/accept`,
      access,
      summary: "Accept a task; answers with the request where the task did not hold it",
      body: Accept,
      maxBodyBytes: controlBytes,
      answer: Type.Object({ request: Type.Optional(Type.Unknown()) }),
      handle: (call) => accept(server, call),
    },
    {
      method: "POST",
      path: `${linkPaths.task}/:taskId/result`,
      access,
      summary: "What became of a task: a whole answer, a chunk, a batch of chunks or a failure",
      body: Result,
      answer: Taken,
      async handle(call) {
        const { principal, params } = call;
        const read = () => readText(call, server.deadlines);
        return Response.json(await server.workstations.posted.result(principal, params["taskId"]!, read));
      },
    },
  ];
}

async function stream(server: Server, call: Call): Promise<Response> {
  const { request, principal, peer } = call;
  const { headers } = request;
  const sessionId = headers.get(sessionHeader);
  if (!sessionId) throw new AppError("invalid_request", `say whose stream it is, in ${sessionHeader}`);
  const epoch = epochIn(headers.get(epochHeader));
  const isSocket = wantsSocket(request);
  // Before the session is taken from whoever has it.
  if (isSocket && (!headers.get("sec-websocket-key") || headers.get("sec-websocket-version") !== "13"))
    throw notASocket();
  const attached = await server.workstations.attach(principal, sessionId, epoch);
  const own = { [epochHeader]: String(attached.session.epoch) };
  if (isSocket) {
    const handler = socketHandler((connection) => server.workstations.open(attached, connection));
    if (!server.upgrade(request, peer, handler, own)) {
      // It has the session already. It went away meanwhile, and nobody else is there.
      server.workstations.open(attached, nowhere).closed();
      throw notASocket();
    }
    // For the books: the peer has its answer.
    return new Response(null, { status: 101 });
  }
  return new Response(events(server, attached), { headers: { ...eventStreamHeaders, ...own } });
}

/** Where nobody listens. */
const nowhere: LinkConnection = { transport: "websocket", send() {}, close() {} };

function events(server: Server, attached: AttachedAgent): ReadableStream<Uint8Array> {
  const { connection, body } = eventStream(() => up.closed());
  const up = server.workstations.open(attached, connection);
  return body;
}

async function accept(server: Server, call: Call): Promise<Response> {
  const { principal, params } = call;
  const body = parseObject(await readText(call, server.deadlines));
  const attempt = numberIn(body, "attempt");
  if (attempt === undefined) throw new AppError("invalid_request", "attempt: which one is accepted");
  const granted = server.workstations.posted.accept(
    principal,
    params["taskId"]!,
    attempt,
    numberIn(body, "epoch"),
  );
  const json = { headers: { "content-type": "application/json" } };
  return new Response(granted === undefined ? "{}" : `{"request":${granted}}`, json);
}

function epochIn(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,15}$/.test(header)) return Number(header);
  throw new AppError("invalid_request", `${epochHeader}: a whole number`);
}

function notASocket(): AppError {
  return new AppError("invalid_request", "this request cannot become a WebSocket");
}
