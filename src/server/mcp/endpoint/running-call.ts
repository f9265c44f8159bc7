import { randomUUID } from "node:crypto";
import type { EndSignal } from "../../../end-signal.ts";
import { isObject, type JsonObject, type RpcNotification, type RpcRequest } from "../../../mcp/messages.ts";
import { McpFailure } from "../../../mcp/rpc-error.ts";
import type { Principal } from "../../core/access/policy.ts";
import type { ClientExchange } from "./exchange.ts";

interface Question {
  request: { method: string; params?: JsonObject };
  answer: PromiseWithResolvers<JsonObject>;
}

/**
 * A call of a server of the legacy era for a client of the modern era. When the server asks something, the client's
 * request is answered with the question, and the call goes on when the client comes back with its answer.
 */
export class RunningCall {
  #id: string | undefined;
  /** The request of the client that waits for the call. */
  exchange: ClientExchange;
  /** Milliseconds on the clock since which no request of the client waits for the call. */
  parkedAt: number | undefined;
  readonly #controller = new AbortController();
  readonly #questions = new Map<string, Question>();
  readonly #result: Promise<JsonObject>;
  #asked = Promise.withResolvers<void>();
  #nextKey = 1;

  /** @param start begins the call */
  constructor(exchange: ClientExchange, start: (call: RunningCall) => Promise<JsonObject>) {
    this.exchange = exchange;
    this.#result = start(this);
    // It may fail while no request waits for it.
    this.#result.catch(() => undefined);
  }

  /** The name by which the client comes back to it. Most calls need none. */
  get id(): string {
    this.#id ??= randomUUID();
    return this.#id;
  }

  /** Aborts when nobody waits for the call any more. */
  get signal(): EndSignal {
    return this.#controller.signal;
  }

  /** Sends a notification to whoever waits for the call. */
  notify(notification: RpcNotification): void {
    if (this.parkedAt === undefined) this.exchange.send(notification);
  }

  /** Takes a request of the server. Resolves with the client's answer. */
  async ask({ method, params }: RpcRequest, signal: EndSignal): Promise<JsonObject> {
    const key = `${method.split("/")[0]}-${this.#nextKey++}`;
    const answer = Promise.withResolvers<JsonObject>();
    const onAbort = () => answer.reject(new McpFailure("cancelled", "the call is over"));
    signal.addEventListener("abort", onAbort, { once: true });
    this.#questions.set(key, { request: { method, ...(params && { params }) }, answer });
    this.#asked.resolve();
    try {
      return await answer.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#questions.delete(key);
    }
  }

  /**
   * Waits for the result, or for questions of the server.
   *
   * @returns the result; undefined if there are questions
   */
  async wait(exchange: ClientExchange): Promise<JsonObject | undefined> {
    this.exchange = exchange;
    this.parkedAt = undefined;
    const onGone = () => this.cancel();
    exchange.signal.addEventListener("abort", onGone, { once: true });
    if (exchange.signal.aborted) onGone();
    try {
      return await Promise.race([this.#result, this.#asked.promise.then(() => undefined)]);
    } finally {
      exchange.signal.removeEventListener("abort", onGone);
    }
  }

  /** The questions that are not answered yet, by their keys. */
  get questions(): JsonObject {
    return Object.fromEntries([...this.#questions].map(([key, { request }]) => [key, request]));
  }

  /** Gives the server the client's answers. Answers to questions that nobody asked are passed over. */
  answer(responses: unknown): void {
    for (const [key, { answer }] of this.#questions) {
      const response = isObject(responses) && Object.hasOwn(responses, key) ? responses[key] : undefined;
      if (!isObject(response)) continue;
      answer.resolve(response);
      this.#questions.delete(key);
    }
    if (this.#questions.size === 0) this.#asked = Promise.withResolvers();
  }

  cancel(): void {
    this.#controller.abort();
  }
}

/** Milliseconds that a client has to answer the questions of a server. */
export const answerTime = 10 * 60_000;

/** The most calls of one user that wait for answers, with any of its tokens. The one that waited longest ends for a new one. */
const maxPerUser = 100;

/** The calls that wait until their clients come back with answers. */
export class ParkedCalls {
  readonly #calls = new Map<string, RunningCall>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#calls.size;
  }

  park(call: RunningCall): void {
    const { principal } = call.exchange.caller;
    const own = [...this.#calls.values()].filter(
      ({ exchange }) => exchange.caller.principal.userId === principal.userId,
    );
    if (own.length >= maxPerUser) this.#end(own[0]!);
    call.parkedAt = this.#now();
    this.#calls.set(call.id, call);
  }

  /** Takes a call out; undefined if it is not there any more. */
  take(id: unknown): RunningCall | undefined {
    const call = this.#calls.get(String(id));
    this.#calls.delete(String(id));
    return call;
  }

  /** Ends the calls whose clients did not come back in time, or whose bearers are not valid any more. */
  sweep(isValid: (principal: Principal) => boolean): void {
    const limit = this.#now() - answerTime;
    for (const call of this.#calls.values())
      if (call.parkedAt! < limit || !isValid(call.exchange.caller.principal)) this.#end(call);
  }

  close(): void {
    for (const call of this.#calls.values()) this.#end(call);
  }

  #end(call: RunningCall): void {
    this.#calls.delete(call.id);
    call.cancel();
  }
}
