import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { controlBytes, epochHeader, linkPaths, sessionHeader } from "../../../wire/link/constants.ts";
import { eventStreamHeaders } from "../../../wire/sse.ts";
import { numberIn } from "../../workstations/agent-result.ts";
import { eventStream } from "../../workstations/event-stream.ts";
import type { LinkConnection } from "../../workstations/link-session.ts";
import type { AttachedAgent } from "../../workstations/link-sessions.ts";
import { socketHandler, wantsSocket } from "../../workstations/socket.ts";
import { maxBodyBytes, readObject, readText } from "../body.ts";
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

/** A token without expose cannot act for the agents of its maker. */
const access = { verb: "expose", resource: "llms" } as const;

/** The routes of registered agents: the stream of tasks, acceptances and results. */
export function linkRoutes(server: Server): Route[] {
  return [
    {
      method: "GET",
      path: linkPaths.stream,
      access,
      summary: `Send an agent its tasks as server-sent events, for the session in ${sessionHeader}; or open a WebSocket for both directions`,
      handle: (call) => stream(server, call),
    },
    {
      method: "POST",
      path: `${linkPaths.task}/:taskId/accept`,
      access,
      summary: "Accept a task; returns the request if the task did not contain it",
      body: Accept,
      maxBodyBytes: controlBytes,
      response: Type.Object({ request: Type.Optional(Type.Unknown()) }),
      handle: (call) => accept(server, call),
    },
    {
      method: "POST",
      path: `${linkPaths.task}/:taskId/result`,
      access,
      summary: "Post a result of a task: a whole response, a chunk, a batch of chunks or an error",
      body: Result,
      maxBodyBytes,
      response: Taken,
      async handle(call) {
        const { principal, params } = call;
        const read = async () => readText(call, server.deadlines);
        return Response.json(await server.workstations.posted.result(principal, params["taskId"]!, read));
      },
    },
  ];
}

async function stream(server: Server, call: Call): Promise<Response> {
  const { request, principal, peer } = call;
  const { headers } = request;
  const sessionId = headers.get(sessionHeader);
  if (!sessionId)
    throw new AppError(
      "invalid_request",
      `the header ${sessionHeader} is required: the id of a provider session`,
    );
  const epoch = epochIn(headers.get(epochHeader));
  const isSocket = wantsSocket(request);
  // Check the headers before another agent loses the session.
  if (isSocket && (!headers.get("sec-websocket-key") || headers.get("sec-websocket-version") !== "13"))
    throw notASocket();
  // A proxy took `Upgrade` out of the request. Whoever sent it wants no events and leaves at once: to attach it would
  // make the llms active for that moment, and their calls would fail.
  if (!isSocket && headers.has("sec-websocket-key"))
    throw new AppError("invalid_request", "this request for a WebSocket came without the header Upgrade", {
      hint: "A proxy in between takes it out. To find the lines that mend it: mcpctl doctor",
    });
  if (call.isHead) return new Response(null, { headers: eventStreamHeaders });
  const attached = await server.workstations.attach(principal, sessionId, epoch, request.signal);
  const own = { [epochHeader]: String(attached.session.epoch) };
  if (isSocket) {
    const handler = socketHandler((connection) => server.workstations.open(attached, connection));
    if (!server.upgrade(request, peer, handler, own)) {
      // The agent has taken the session, but its connection has closed. No other agent is attached.
      server.workstations.open(attached, noConnection).closed();
      throw notASocket();
    }
    // The peer already has its response. This one is for the access log.
    return new Response(null, { status: 101 });
  }
  return new Response(events(server, attached), { headers: { ...eventStreamHeaders, ...own } });
}

/** A connection that sends nothing. */
const noConnection: LinkConnection = { transport: "websocket", send() {}, close() {} };

function events(server: Server, attached: AttachedAgent): ReadableStream<Uint8Array> {
  const { connection, body } = eventStream(() => receiver.closed());
  const receiver = server.workstations.open(attached, connection);
  return body;
}

async function accept(server: Server, call: Call): Promise<Response> {
  const { principal, params } = call;
  const body = await readObject(call, server.deadlines);
  const attempt = numberIn(body, "attempt");
  if (attempt === undefined)
    throw new AppError("invalid_request", "attempt is required: the number of the attempt to accept");
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
  throw new AppError("invalid_request", `${epochHeader} must be an integer`);
}

function notASocket(): AppError {
  return new AppError("invalid_request", "this request cannot become a WebSocket");
}
