import type { EndSignal } from "../../../end-signal.ts";
import type { JsonObject, RpcId, RpcRequest, RpcResponse } from "../../../mcp/messages.ts";
import { McpFailure, RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import type { Principal } from "../../core/access/policy.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import type { ClientStream } from "./client-stream.ts";
import type { ExchangeSession } from "./exchange.ts";
import type { HttpReply } from "./http-reply.ts";
import type { ChangedList, OfferListener } from "./offer-changes.ts";
import { answerTime } from "./running-call.ts";

/** The most requests of one session at a time. */
const maxUnderWay = 100;

/** The facts with which a session begins. */
export interface SessionFacts {
  id: string;
  project: ProjectRow;
  principal: Principal;
  revision: string;
  capabilities: JsonObject;
  /** The name and version that the client gives. */
  client: string | undefined;
}

/** The session of one client of a legacy revision with one project. */
export class LegacySession implements ExchangeSession, OfferListener {
  readonly id: string;
  readonly projectId: string;
  readonly principal: Principal;
  readonly revision: string;
  readonly capabilities: JsonObject;
  readonly client: string | undefined;
  readonly begunAt: number;
  readonly subscriptions = new Map<string, () => void>();
  logLevel: string | undefined;
  isGateOpen = false;
  isTold = false;
  hasListedAgain = false;
  usedAt: number;
  /** Ends the session, here and where it is known. */
  onEnd: () => void = () => undefined;
  #stream: ClientStream | undefined;
  readonly #underWay = new Map<unknown, AbortController>();
  readonly #asked = new Map<RpcId, PromiseWithResolvers<JsonObject>>();
  #nextId = 1;

  constructor({ id, project, principal, revision, capabilities, client }: SessionFacts, now: number) {
    this.id = id;
    this.projectId = project.id;
    this.principal = principal;
    this.revision = revision;
    this.capabilities = capabilities;
    this.client = client;
    this.begunAt = now;
    this.usedAt = now;
  }

  /** The number of requests that wait for an answer. */
  get requests(): number {
    return this.#underWay.size;
  }

  /** True if the client holds a stream for messages that belong to no request. */
  get isListening(): boolean {
    return this.#stream !== undefined;
  }

  get hasStream(): boolean {
    return this.#stream !== undefined;
  }

  /** True if the client holds a stream or waits for an answer. */
  get isBusy(): boolean {
    return this.isListening || this.requests > 0;
  }

  /**
   * Notes that a request is under way.
   *
   * @returns the signal that aborts when the client cancels it
   * @throws RpcError if there is another one of that id, or there are too many
   */
  begin(id: RpcId): AbortController {
    if (this.#underWay.has(keyOf(id)))
      throw new RpcError(rpcCodes.invalidRequest, "another request of this session has that id");
    if (this.#underWay.size >= maxUnderWay)
      throw new RpcError(rpcCodes.invalidRequest, `a session may have ${maxUnderWay} requests at a time`);
    const controller = new AbortController();
    this.#underWay.set(keyOf(id), controller);
    return controller;
  }

  finish(id: RpcId): void {
    this.#underWay.delete(keyOf(id));
  }

  /** Cancels a request under way, as the client wishes. */
  cancel(id: unknown): void {
    this.#underWay.get(keyOf(id))?.abort();
  }

  /** Sets the stream for messages that belong to no request. It takes the place of an earlier one. */
  open(stream: ClientStream): void {
    this.#stream?.end();
    this.#stream = stream;
  }

  /** Forgets a stream that has ended. */
  forget(stream: ClientStream): void {
    if (this.#stream === stream) this.#stream = undefined;
  }

  onChange(lists: ReadonlySet<ChangedList>): void {
    for (const list of lists) this.#notify(`notifications/${list}/list_changed`);
  }

  onResourceUpdated(uri: string): void {
    this.#notify("notifications/resources/updated", { uri });
  }

  /**
   * Asks the client, on the stream of the request that it belongs to.
   *
   * @throws RpcError if it refuses, has no stream or does not answer; McpFailure if it is over
   */
  async ask(request: RpcRequest, reply: HttpReply, signal: EndSignal): Promise<JsonObject> {
    if (!reply.canStream && !this.#stream)
      throw new RpcError(rpcCodes.invalidRequest, "the client has no stream, so it cannot be asked");
    const id = `mcpctl-${this.#nextId++}`;
    const asked = Promise.withResolvers<JsonObject>();
    this.#asked.set(id, asked);
    const onAbort = () => asked.reject(new McpFailure("cancelled", "the call is over"));
    signal.addEventListener("abort", onAbort, { once: true });
    const late = () =>
      asked.reject(new RpcError(rpcCodes.internalError, "the client did not answer in time"));
    const timer = setTimeout(late, answerTime);
    try {
      const message = JSON.stringify({ ...request, id });
      if (reply.canStream) reply.ask(message);
      else this.#stream!.send(message);
      return await asked.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      this.#asked.delete(id);
    }
  }

  /** Takes an answer of the client. One that nobody waits for is passed over. */
  settle({ id, result, error }: RpcResponse): void {
    const asked = id === null ? undefined : this.#asked.get(id);
    if (error) asked?.reject(new RpcError(error.code, error.message, error.data));
    else asked?.resolve(result ?? {});
  }

  /** Ends all that it follows. */
  endSubscriptions(): void {
    for (const end of [...this.subscriptions.values()]) end();
  }

  /** Cancels all requests under way, and ends all that the client holds. */
  close(): void {
    for (const controller of this.#underWay.values()) controller.abort();
    for (const asked of this.#asked.values()) asked.reject(new McpFailure("closed", "the client has gone"));
    this.endSubscriptions();
    this.#stream?.end();
    this.#stream = undefined;
  }

  /** Sends a notification that belongs to no request. It is lost if the client holds no stream. */
  #notify(method: string, params?: JsonObject): void {
    this.#stream?.offer(JSON.stringify({ jsonrpc: "2.0", method, ...(params && { params }) }));
  }
}

/** Returns the key of an id. An integer whose digits were kept is another object each time. */
function keyOf(id: unknown): unknown {
  return typeof id === "object" ? `integer ${JSON.stringify(id)}` : id;
}
