import type { EndSignal } from "../../end-signal.ts";
import { parseExact } from "../../wire/exact-json.ts";
import { parsedObject } from "../../wire/json.ts";
import { largeText } from "../../wire/next-turn.ts";
import {
  isRequest,
  isResponse,
  type JsonObject,
  type RpcId,
  type RpcMessage,
  type RpcRequest,
} from "../messages.ts";
import { McpFailure, RpcError, rpcCodes } from "../rpc-error.ts";
import { serverMessage } from "./server-message.ts";
import type { ExchangeOptions } from "./wire.ts";

/** Sends a message to the server. */
type Send = (message: RpcMessage) => Promise<void>;

/** The most requests of a server at a time that belong to one request of ours. More are refused (T318). */
const mostAsked = 100;

/** One request that waits for its answer, with its deadlines. */
export class PendingRequest {
  readonly id: number;
  readonly #options: ExchangeOptions;
  readonly #answer = Promise.withResolvers<JsonObject>();
  /** Made when somebody asks for it: most requests are over without a question of the server. */
  #controller: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout>;
  #limit: number;
  #isOver = false;
  /** Requests of the server that wait for the client. The server's time does not run meanwhile. */
  #asking = 0;

  constructor(id: number, options: ExchangeOptions) {
    this.id = id;
    this.#options = options;
    this.#limit = performance.now() + (options.longest ?? 10 * options.timeout);
    this.#timer = this.#startTimer();
    // A failure can come before somebody waits.
    this.#answer.promise.catch(() => undefined);
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (options.signal?.aborted) this.#onAbort();
  }

  /** Resolves with the result. Rejects with RpcError or McpFailure. */
  get result(): Promise<JsonObject> {
    return this.#answer.promise;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Aborts when the request is over: a request of the server that belongs to it needs no answer any more. */
  get over(): EndSignal {
    this.#controller ??= new AbortController();
    if (this.#isOver) this.#controller.abort();
    return this.#controller.signal;
  }

  /** Returns the params with a token for progress, if progress is wanted. */
  withToken(params: JsonObject): JsonObject {
    if (!this.#options.onProgress) return params;
    return { ...params, _meta: { ...(params["_meta"] as JsonObject | undefined), progressToken: this.id } };
  }

  /** True if requests of the server can be answered by whoever made this request. */
  get answersRequests(): boolean {
    return this.#options.onRequest !== undefined;
  }

  /** Takes a message that belongs to this request. Answers are sent with `send`. */
  take(message: RpcMessage, send: Send): void {
    if (isResponse(message)) return this.#settle(message.error, message.result);
    if (isRequest(message)) return void this.answer(message, send);
    if (message.method === "notifications/progress") return this.#progress(message.params ?? {});
    this.#options.onNotification?.(message);
  }

  /** Answers a request of the server. */
  async answer(request: RpcRequest, send: Send): Promise<void> {
    if (this.#isOver) return;
    if (this.#asking >= mostAsked)
      return answerWith(request, send, () => {
        throw new RpcError(rpcCodes.invalidRequest, `more than ${mostAsked} requests at a time`);
      });
    clearTimeout(this.#timer);
    this.#asking++;
    const askedAt = performance.now();
    await answerWith(request, send, () => {
      if (!this.#options.onRequest)
        throw new RpcError(rpcCodes.methodNotFound, `the client does not support ${request.method}`);
      return this.#options.onRequest(request, this.over);
    });
    this.#asking--;
    this.#limit += performance.now() - askedAt;
    this.#restartTimer();
  }

  fail(error: Error): void {
    if (this.#isOver) return;
    this.#end();
    this.#answer.reject(error);
  }

  #progress(params: JsonObject): void {
    if (this.#isOver) return;
    this.#restartTimer();
    this.#options.onProgress?.(params);
  }

  #settle(
    error: { code: number; message: string; data?: unknown } | undefined,
    result: JsonObject | undefined,
  ): void {
    if (error) return this.fail(new RpcError(error.code, error.message, error.data));
    if (this.#isOver) return;
    this.#end();
    this.#answer.resolve(result!);
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#controller?.abort();
  }

  #restartTimer(): void {
    if (this.#isOver || this.#asking > 0) return;
    clearTimeout(this.#timer);
    this.#timer = this.#startTimer();
  }

  #startTimer(): ReturnType<typeof setTimeout> {
    const left = Math.max(0, Math.min(this.#options.timeout, this.#limit - performance.now()));
    return setTimeout(() => this.fail(new McpFailure("timeout", "the server took too long")), left);
  }

  readonly #onAbort = (): void => this.fail(new McpFailure("cancelled", "the call was cancelled"));
}

/**
 * Answers a request of a server that does not say to which call it belongs, so only one may be possible. Returns when the
 * answer has been handed on.
 */
export function answerByOnly(
  request: RpcRequest,
  underWay: Iterable<PendingRequest>,
  send: Send,
): Promise<void> {
  if (request.method === "ping") return answerWith(request, send, () => ({}));
  const candidates = [...underWay].filter(({ answersRequests }) => answersRequests);
  if (candidates.length === 1) return candidates[0]!.answer(request, send);
  return answerWith(request, send, () => {
    const why =
      candidates.length === 0
        ? "no call is under way that could answer"
        : "several calls are under way, and it is not known which one this belongs to; use sharing: session";
    throw new RpcError(rpcCodes.invalidRequest, `${request.method} cannot be answered: ${why}`);
  });
}

/** Answers one request of a server with what `make` returns or throws. */
export async function answerWith(
  { id }: RpcRequest,
  send: Send,
  make: () => Promise<JsonObject> | JsonObject,
): Promise<void> {
  let answer: RpcMessage;
  try {
    answer = { jsonrpc: "2.0", id, result: await make() };
  } catch (error) {
    const refusal =
      error instanceof RpcError ? error : new RpcError(rpcCodes.internalError, "the request failed");
    answer = { jsonrpc: "2.0", id, error: refusal.toJSON() };
  }
  // A server that has gone needs no answer.
  await send(answer).catch(() => undefined);
}

/**
 * Reads a text as one message or a batch of them. Returns undefined if it is neither.
 *
 * @param isHarmless true if it is known to be within the limits of JSON
 */
export function parseMessages(text: string, isHarmless = false): RpcMessage[] | undefined {
  // A parser that fails takes ten times as long.
  if (!/^\uFEFF?\s*[[{]/.test(text)) return undefined;
  const value = parsedObject(
    withoutMark(text),
    isHarmless ? "within limits" : {},
    // Ids of some services are longer than a double is exact. A search in a large text would hold up others.
    text.length > largeText ? JSON.parse : parseExact,
  );
  if (value === undefined) return undefined;
  const messages = (Array.isArray(value) ? value : [value]).map(serverMessage);
  return messages.includes(undefined) || messages.length === 0 ? undefined : (messages as RpcMessage[]);
}

/** Returns the id of the request that a notification of progress or cancellation is about. */
export function relatedId({ method, params }: { method: string; params?: JsonObject }): RpcId | undefined {
  const id = method === "notifications/progress" ? params?.["progressToken"] : undefined;
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}

/** Reads a text as messages, each in a line of its own: some servers send them so where JSON is expected. */
export function parseLines(text: string): RpcMessage[] | undefined {
  const messages: RpcMessage[] = [];
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf("\n", from);
    const line = text.slice(from, end === -1 ? undefined : end);
    from = end === -1 ? text.length : end + 1;
    if (line.trim() === "") continue;
    const read = parseMessages(line);
    // A text of 10 MB may have millions of lines (T379).
    if (!read) return undefined;
    messages.push(...read);
  }
  return messages;
}

/** Takes the mark of the byte order off a text. */
function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
