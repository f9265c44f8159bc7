import type { EndSignal } from "../../../end-signal.ts";
import {
  asMessage,
  isObject,
  isRequest,
  isResponse,
  type JsonObject,
  type RpcMessage,
  type RpcRequest,
} from "../../../mcp/messages.ts";
import { legacyRevisions } from "../../../mcp/revisions.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { clientName } from "../client-label.ts";
import { idIn } from "./classify.ts";
import { ClientStream } from "./client-stream.ts";
import { dispatch, refusal, refused } from "./dispatch.ts";
import type { EndpointOptions, EndpointRequest } from "./endpoint-types.ts";
import { initialized } from "./greeting.ts";
import { acceptsStreams, HttpReply } from "./http-reply.ts";
import type { LegacySession } from "./legacy-session.ts";
import type { LegacySessions } from "./legacy-sessions.ts";

/** The header with which a client names its session. */
export const sessionHeader = "mcp-session-id";

/** The most messages of one batch. */
const maxBatch = 100;

/** Serves clients of revisions with sessions: `initialize`, then requests that name the session. */
export class LegacyEndpoint {
  readonly #sessions: LegacySessions;
  readonly #options: EndpointOptions;

  constructor(sessions: LegacySessions, options: EndpointOptions) {
    this.#sessions = sessions;
    this.#options = options;
  }

  /** Answers a request. Throws AppError if a quota is exceeded. */
  serve(incoming: EndpointRequest, body: unknown): Promise<Response> | Response {
    const { request, principal, project } = incoming;
    const { headers, method } = request;
    const revision = headers.get("mcp-protocol-version");
    if (revision !== null && !(legacyRevisions as readonly string[]).includes(revision.trim()))
      return refusedAs(400, body, `revision ${revision.slice(0, 40)} is not supported`);
    const id = headers.get(sessionHeader);
    const session = id === null ? undefined : this.#sessions.find(id, principal, project);
    // Clients begin a new session after this.
    if (id !== null && !session)
      return refused(idIn(body), new RpcError(sessionGone, "Session not found"), 404);
    if (method !== "POST" && !session) {
      // To a client whose proxy takes the header away this says that there is no such stream.
      const isLost = id === null && this.#sessions.withoutId(principal, project) !== undefined;
      return refusedAs(isLost ? 405 : 400, body, `send the header ${sessionHeader}`);
    }
    if (method === "GET") return this.#listen(incoming, session!);
    if (method === "DELETE") {
      session!.onEnd();
      this.#options.services.gate.onSessionEnd(principal, project, session!);
      return new Response(null, { status: 204 });
    }
    const messages = messagesIn(body);
    if (!messages) return refusedAs(400, body, "the body is not a message of MCP, or has too many");
    const isGreeting = messages.some((one) => "method" in one && one.method === "initialize");
    if (isGreeting) {
      const [first] = messages;
      if (session || messages.length > 1 || !isRequest(first!))
        return refusedAs(400, body, "initialize is the first message of a session, and stands alone");
      return this.#begin(incoming, first);
    }
    const used = session ?? this.#sessions.withoutId(principal, project);
    if (!used) return refusedAs(400, body, `begin with initialize, or send the header ${sessionHeader}`);
    return this.#receive(incoming, used, messages, Array.isArray(body));
  }

  /** Begins a session, and answers `initialize`. */
  #begin({ principal, project }: EndpointRequest, { id, params = {} }: RpcRequest): Response {
    const { capabilities, protocolVersion, clientInfo } = params;
    const result = initialized(project, protocolVersion, this.#options.services.gate.firstCall(project));
    const session = this.#sessions.begin({
      id: this.#options.makeId(),
      project,
      principal,
      revision: result.protocolVersion,
      capabilities: isObject(capabilities) ? capabilities : {},
      client: clientName(clientInfo),
    });
    return Response.json({ jsonrpc: "2.0", id, result }, { headers: { [sessionHeader]: session.id } });
  }

  /** Opens the stream for messages that belong to no request. */
  #listen({ request, principal, onLastBytes, tap }: EndpointRequest, session: LegacySession): Response {
    if (!acceptsStreams(request)) return refusedAs(406, undefined, "accept text/event-stream");
    const { streams, quotas, services } = this.#options;
    quotas.reserve(services.snapshot(), principal, "streams", streams.endlessOf(principal.userId))();
    const stream = new ClientStream();
    const remove = streams.add(
      principal,
      () => {
        onLastBytes();
        stream.end();
      },
      true,
    );
    stream.onEnd = () => {
      remove();
      session.forget(stream);
    };
    if (tap) stream.tap = (message) => tap.sent(message);
    session.open(stream);
    // Bun sends the head of a response with its first byte.
    stream.comment();
    return stream.response();
  }

  #receive(
    incoming: EndpointRequest,
    session: LegacySession,
    messages: readonly RpcMessage[],
    isBatch: boolean,
  ): Promise<Response> | Response {
    const requests = messages.filter(isRequest);
    for (const message of messages) {
      if (isResponse(message)) session.settle(message);
      else if (message.method === "notifications/cancelled") session.cancel(message.params?.["requestId"]);
    }
    if (requests.length === 0) return new Response(null, { status: 202 });
    const { request, principal, onLastBytes, tap } = incoming;
    const begun = new Set<AbortController>();
    const onGone = () => {
      // There is no way to get the answers later, so the calls are for nobody.
      for (const controller of begun) controller.abort();
    };
    const reply = new HttpReply(
      { request, principal, expects: requests.length, isBatch, tap, onLastBytes, onGone },
      this.#options,
    );
    for (const message of requests) {
      try {
        const controller = session.begin(message.id);
        begun.add(controller);
        void this.#answer(incoming, session, message, reply, controller.signal);
      } catch (error) {
        reply.answer(refusal(message.id, error as RpcError, 200));
      }
    }
    return reply.response;
  }

  async #answer(
    { request, requestId, principal, project, text }: EndpointRequest,
    session: LegacySession,
    message: RpcRequest,
    reply: HttpReply,
    signal: EndSignal,
  ): Promise<void> {
    const { services, onDefect } = this.#options;
    const exchange = {
      requestId,
      era: "legacy" as const,
      project,
      caller: { principal, session: session.id, capabilities: session.capabilities },
      method: message.method,
      params: message.params ?? {},
      headers: request.headers,
      bytesIn: Buffer.byteLength(text),
      logLevel: session.logLevel,
      signal,
      session,
      send: (notification: RpcMessage) => reply.notify(JSON.stringify(notification)),
      ask: (question: RpcRequest, over: EndSignal): Promise<JsonObject> => session.ask(question, reply, over),
    };
    const answer = await dispatch(message, exchange, services, onDefect);
    session.finish(message.id);
    // Nothing tells the end of a client whose requests name no session.
    if (this.#sessions.find(session.id, principal, project) !== session) session.endSubscriptions();
    // A cancelled request gets no answer.
    if (signal.aborted) reply.skip();
    else reply.answer({ ...answer, status: 200 });
  }
}

/** The code of an error that says that there is no such session. The official SDKs use it. */
const sessionGone = -32_001;

/** Returns the messages of a body: one, or those of a batch. Undefined if there are none or too many. */
function messagesIn(body: unknown): RpcMessage[] | undefined {
  const list = Array.isArray(body) ? body : [body];
  if (list.length === 0 || list.length > maxBatch) return undefined;
  const messages = list.map(asMessage);
  return messages.includes(undefined) ? undefined : (messages as RpcMessage[]);
}

function refusedAs(status: number, body: unknown, message: string): Response {
  return refused(idIn(body), new RpcError(rpcCodes.invalidRequest, message), status);
}
