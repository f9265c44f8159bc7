import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import {
  isRequest,
  isResponse,
  type JsonObject,
  type RpcId,
  type RpcMessage,
  type RpcRequest,
  type RpcResponse,
} from "../../../mcp/messages.ts";
import { legacyRevisions } from "../../../mcp/revisions.ts";
import { McpFailure, RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import type { Principal } from "../../core/access/policy.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import type { ClientExchange } from "./exchange.ts";
import { initialized } from "./greeting.ts";

/** Milliseconds without a request after which a session ends, unless its client holds a stream. */
const idleLimit = 30 * 60_000;

/** The most sessions of one user. The one that was idle longest ends for a new one. */
const maxPerUser = 200;

/** Answers a request of a client in a session. */
export type AnswerRequest = (
  message: RpcRequest,
  exchange: Pick<ClientExchange, "era" | "method" | "params" | "signal" | "send" | "ask">,
  session: LegacySession,
) => Promise<RpcMessage>;

/** The session of one client of a legacy revision with one project. */
export class LegacySession {
  readonly id: string;
  readonly projectId: string;
  readonly principal: Principal;
  capabilities: JsonObject = {};
  usedAt = performance.now();
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly #underWay = new Map<RpcId, AbortController>();
  readonly #asked = new Map<RpcId, PromiseWithResolvers<JsonObject>>();
  #nextId = 1;

  constructor(
    { id, project, principal }: { id: string; project: ProjectRow; principal: Principal },
    answer: AnswerRequest,
  ) {
    this.id = id;
    this.projectId = project.id;
    this.principal = principal;
    this.transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => id });
    this.transport.setSupportedProtocolVersions([...legacyRevisions]);
    this.transport.onmessage = (message) => this.#receive(message as RpcMessage, project, answer);
  }

  /** Sends a notification that belongs to no request. It is lost if the client holds no stream. */
  notify(method: string, params?: JsonObject): void {
    void this.transport
      .send({ jsonrpc: "2.0", method, ...(params && { params }) } as never)
      .catch(() => undefined);
  }

  /** Ends the session: requests under way are cancelled, streams are closed. */
  async close(): Promise<void> {
    for (const controller of this.#underWay.values()) controller.abort();
    for (const asked of this.#asked.values()) asked.reject(new McpFailure("closed", "the client has gone"));
    await this.transport.close();
  }

  #receive(message: RpcMessage, project: ProjectRow, answer: AnswerRequest): void {
    this.usedAt = performance.now();
    if (isResponse(message)) return this.#settle(message);
    if (!isRequest(message)) {
      if (message.method === "notifications/cancelled")
        this.#underWay.get(message.params?.["requestId"] as RpcId)?.abort();
      return;
    }
    const send = (response: RpcMessage) => void this.transport.send(response as never).catch(() => undefined);
    if (message.method === "initialize") {
      const { capabilities, protocolVersion } = message.params ?? {};
      this.capabilities = (capabilities as JsonObject | undefined) ?? {};
      return send({ jsonrpc: "2.0", id: message.id, result: initialized(project, protocolVersion) });
    }
    const controller = new AbortController();
    this.#underWay.set(message.id, controller);
    const exchange = {
      era: "legacy" as const,
      method: message.method,
      params: message.params ?? {},
      signal: controller.signal,
      send: (notification: RpcMessage) =>
        void this.transport
          .send(notification as never, { relatedRequestId: message.id })
          .catch(() => undefined),
      ask: (request: RpcRequest, signal: AbortSignal) => this.#ask(request, signal, message.id),
    };
    void answer(message, exchange, this).then((response) => {
      this.#underWay.delete(message.id);
      // A cancelled request gets no answer.
      if (!controller.signal.aborted) send(response);
    });
  }

  /** Asks the client on the stream of a request. */
  async #ask(request: RpcRequest, signal: AbortSignal, relatedRequestId: RpcId): Promise<JsonObject> {
    const id = `mcpctl-${this.#nextId++}`;
    const asked = Promise.withResolvers<JsonObject>();
    this.#asked.set(id, asked);
    const onAbort = () => asked.reject(new McpFailure("cancelled", "the call is over"));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await this.transport.send({ ...request, id } as never, { relatedRequestId });
      return await asked.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#asked.delete(id);
    }
  }

  #settle({ id, result, error }: RpcResponse): void {
    const asked = id === null ? undefined : this.#asked.get(id);
    if (error) asked?.reject(new RpcError(error.code, error.message, error.data));
    else asked?.resolve(result ?? {});
  }
}

/** The sessions of all clients of legacy revisions. */
export class LegacySessions {
  readonly #sessions = new Map<string, LegacySession>();
  readonly #makeId: () => string;

  constructor(makeId: () => string) {
    this.#makeId = makeId;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Returns all sessions of a project. */
  ofProject(projectId: string): LegacySession[] {
    return [...this.#sessions.values()].filter((session) => session.projectId === projectId);
  }

  /** Finds a session. Nobody finds that of another principal or project. */
  find(id: string, principal: Principal, project: ProjectRow): LegacySession | undefined {
    const session = this.#sessions.get(id);
    const isOwn = session?.principal.id === principal.id && session.projectId === project.id;
    return isOwn ? session : undefined;
  }

  /** Begins a session, for a client that sends `initialize`. */
  begin(principal: Principal, project: ProjectRow, answer: AnswerRequest): LegacySession {
    const own = [...this.#sessions.values()].filter(
      (session) => session.principal.userId === principal.userId,
    );
    if (own.length >= maxPerUser) void this.end(own.reduce((a, b) => (a.usedAt <= b.usedAt ? a : b)));
    const session = new LegacySession({ id: this.#makeId(), project, principal }, answer);
    session.transport.onclose = () => this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
    return session;
  }

  async end(session: LegacySession): Promise<void> {
    this.#sessions.delete(session.id);
    await session.close();
  }

  /** Ends the sessions that nobody has used for long, or whose bearer is not valid any more. */
  async sweep(isValid: (principal: Principal) => boolean): Promise<void> {
    const limit = performance.now() - idleLimit;
    for (const session of this.#sessions.values())
      if (session.usedAt < limit || !isValid(session.principal)) await this.end(session);
  }

  async close(): Promise<void> {
    for (const session of [...this.#sessions.values()]) await this.end(session);
  }
}

/** Returns the error of a request that names a session which is not there: clients then begin a new one. */
export function unknownSession(id: RpcId | null): RpcMessage {
  return { jsonrpc: "2.0", id, error: { code: rpcCodes.invalidRequest, message: "Session not found" } };
}
