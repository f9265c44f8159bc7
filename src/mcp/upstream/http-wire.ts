import { Bag } from "../../bag.ts";
import { type EndSignal, WorkEnd } from "../../end-signal.ts";
import type { RequestHeaders } from "../../net/http1/encode-request.ts";
import type { OutboundOptions } from "../../net/outbound.ts";
import { retryAfterIn, retryAfterSeconds } from "../../time.ts";
import { headersOf } from "../http-headers.ts";
import { isLostSession, lostSession, refusesSession } from "../lost-session.ts";
import {
  isObject,
  isRequest,
  type JsonObject,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
} from "../messages.ts";
import { eraOf } from "../revisions.ts";
import { McpFailure, RpcError } from "../rpc-error.ts";
import { eventMessages, failureOf, readEvents, reopenDelay, type StreamEnd } from "./event-stream.ts";
import { movedUrl } from "./moved-url.ts";
import { answerByOnly, PendingRequest, parseLines, parseMessages } from "./pending.ts";
import { maxMessageBytes } from "./stdio.ts";
import type { ExchangeOptions, UpstreamWire, WireEvents, WireResponse } from "./wire.ts";

export interface HttpServerOptions {
  url: URL;
  /** Sent with each request, such as a key. Names in lower case. */
  headers: Readonly<Record<string, string>>;
  /** Sends a request: the outbound client of a server, or another one that throws the same errors. */
  outbound: (url: URL, options: OutboundOptions) => Promise<WireResponse>;
}

/** Milliseconds to a connection. */
const connectTimeout = 10_000;
/** Milliseconds that a stream of the server's own messages may be silent before it is opened again. */
const listenSilence = 10 * 60_000;
/** Milliseconds that a stream may go on after its answer. */
const endAfter = 1000;
/** The most times that a server may send requests on to another address. */
const mostMoves = 3;
/** The most answers to requests of the server at a time. Each is an HTTP request. */
const mostAnswers = 100;
/** The most headers of requests that are kept, and the most characters of what they repeat. */
const mostKept = 200;
const longestKey = 200;

/**
 * A wire over streamable HTTP: a POST for each request, whose response is one message or a stream of them. It is our own,
 * and not the transport of the SDK, because a message has to be known as belonging to one request (a server's question
 * must reach only the caller that it concerns), and because calls go out through `net`, which checks addresses and sizes.
 */
export class HttpWire implements UpstreamWire {
  readonly #options: HttpServerOptions;
  /** The address that it is at: that of the options, or where the server sends its requests on to. */
  #url: URL;
  #moves = 0;
  readonly #events: WireEvents;
  readonly #closing = new AbortController();
  readonly #underWay = new Bag<PendingRequest>();
  /** Headers of requests, by what they repeat of a request. */
  readonly #postHeaders = new Map<string, RequestHeaders>();
  #sessionId: string | undefined;
  #revision: string | undefined;
  #nextId = 1;
  #isRetired = false;
  /** Answers to requests of the server that are on their way. */
  #answering = 0;

  constructor(options: HttpServerOptions, events: WireEvents) {
    this.#options = options;
    this.#url = options.url;
    this.#events = events;
  }

  /** Remembers the revision. A legacy server may send messages of its own on a stream, which is opened now. */
  use(revision: string): void {
    this.#revision = revision;
    this.#postHeaders.clear();
    if (eraOf(revision) === "legacy" && this.#sessionId !== undefined) void this.#listen();
  }

  async exchange(method: string, params: JsonObject, options: ExchangeOptions): Promise<JsonObject> {
    if (this.#isRetired || this.#closing.signal.aborted)
      throw new McpFailure("closed", "the connection was closed", { isUnsent: true });
    const onNotification = options.isSubscription
      ? (one: RpcNotification) => this.#events.onNotification(one)
      : options.onNotification;
    const pending = new PendingRequest(this.#nextId++, { ...options, onNotification });
    const request: RpcRequest = { jsonrpc: "2.0", id: pending.id, method, params: pending.withToken(params) };
    const gone = new WorkEnd();
    pending.result.catch((error) => {
      // Closing the stream of a request cancels it; a legacy server is told as well.
      gone.abort();
      const isOurs = error instanceof McpFailure && ["timeout", "cancelled"].includes(error.kind);
      if (!isOurs || method === "initialize" || this.#revision === undefined) return;
      if (eraOf(this.#revision) === "legacy")
        void this.notify("notifications/cancelled", { requestId: pending.id }).catch(() => undefined);
    });
    this.#underWay.add(pending);
    this.#deliver(request, pending, options, gone).catch((error) => pending.fail(failureOf(error)));
    try {
      return await pending.result;
    } catch (error) {
      const isLost = this.#sessionId !== undefined && error instanceof RpcError && isLostSession(error);
      throw isLost ? lostSession(error) : error;
    } finally {
      this.#underWay.delete(pending);
    }
  }

  async notify(method: string, params?: JsonObject): Promise<void> {
    await this.#send({ jsonrpc: "2.0", method, ...(params && { params }) });
  }

  /** Each request has a connection of its own: the server may still answer those that it has. */
  async retire(): Promise<void> {
    this.#isRetired = true;
    await Promise.allSettled([...this.#underWay].map(({ result }) => result));
    await this.close();
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    if (this.#sessionId !== undefined) {
      const { outbound } = this.#options;
      const timeouts = { connect: 2000, firstByte: 2000, silence: 2000 };
      await outbound(this.#url, { method: "DELETE", headers: this.#headers(), timeouts }).then(
        (response) => response.cancel(),
        () => undefined,
      );
    }
    this.#closing.abort();
    // Their callers have not left: they get an error of the connection.
    for (const pending of this.#underWay) pending.fail(new McpFailure("closed", "the connection was closed"));
    this.#events.onClose(new Error("the connection was closed"));
  }

  async #deliver(
    request: RpcRequest,
    pending: PendingRequest,
    options: ExchangeOptions,
    signal: EndSignal,
  ): Promise<void> {
    const longest = options.longest ?? 10 * options.timeout;
    const response = await this.#post(request, signal, longest, options.headers);
    if (request.method === "initialize") {
      this.#sessionId = response.headers.get("mcp-session-id");
      this.#postHeaders.clear();
    }
    const type = response.headers.get("content-type") ?? "";
    if (/^text\/event-stream\b/i.test(type)) return this.#readAnswer(response, pending, signal);
    const text = await response.text(maxMessageBytes);
    const messages = parseMessages(text) ?? parseLines(text) ?? (await eventMessages(text));
    if (!messages) throw new McpFailure("malformed", "the server's answer is not a message of MCP");
    for (const message of messages) pending.take(message, this.#answer);
    if (!pending.isOver) pending.fail(new McpFailure("malformed", "the server's answer has no result"));
  }

  /**
   * Reads the stream of a request up to its answer. Where a legacy server ends the stream before, it is opened again after
   * the last event, if the server numbers them (revision 2025-11-25, "Resumability and Redelivery").
   */
  async #readAnswer(first: WireResponse, pending: PendingRequest, signal: EndSignal): Promise<void> {
    let response: WireResponse | undefined = first;
    let end: StreamEnd | undefined;
    while (response) {
      const stream: WireResponse = response;
      let late: ReturnType<typeof setTimeout> | undefined;
      const take = (message: RpcMessage) => {
        // Requests of the server carry ids of their own; a response with another id belongs to nobody.
        if ("method" in message || message.id === pending.id) pending.take(message, this.#answer);
        // A server should end the stream now. One that does not must not keep a connection for ever.
        if (pending.isOver) late ??= setTimeout(() => stream.cancel(), endAfter).unref();
      };
      end = await readEvents(stream, take, end);
      clearTimeout(late);
      response = pending.isOver ? undefined : await this.#resume(end, signal);
    }
    if (end) pending.fail(failureOf(end.failure));
  }

  /** Opens a stream again that has ended. Returns undefined if the server does not offer it. */
  async #resume(end: StreamEnd, signal: EndSignal): Promise<WireResponse | undefined> {
    const { lastEventId, failure } = end;
    const isLegacy = this.#revision !== undefined && eraOf(this.#revision) === "legacy";
    const isCut = failure instanceof McpFailure && failure.kind === "closed";
    if (!isLegacy || !isCut || lastEventId === undefined) return undefined;
    await Bun.sleep(reopenDelay(end));
    if (signal.aborted) return undefined;
    // The request was sent: an error of this connection is none of the request's.
    const response = await this.#openStream(signal, lastEventId).catch(() => undefined);
    if (response?.status === 200) return response;
    response?.cancel();
    return undefined;
  }

  /** Asks for a stream of the server's own messages, or for the one that an event was on. */
  #openStream(signal: EndSignal, lastEventId: string | undefined): Promise<WireResponse> {
    const timeouts = { connect: connectTimeout, firstByte: listenSilence, silence: listenSilence };
    const headers = {
      ...this.#headers(),
      accept: "text/event-stream",
      ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
    };
    return this.#options.outbound(this.#url, { method: "GET", headers, timeouts, signal });
  }

  /** Sends the answer to a request of the server. It is left out where too many are not taken yet (T318). */
  readonly #answer = async (message: RpcMessage): Promise<void> => {
    if (this.#answering >= mostAnswers) return;
    this.#answering++;
    await this.#send(message).finally(() => this.#answering--);
  };

  async #send(message: RpcMessage): Promise<void> {
    try {
      (await this.#post(message, this.#closing.signal, connectTimeout, undefined)).cancel();
    } catch (error) {
      throw failureOf(error);
    }
  }

  async #post(
    message: RpcMessage,
    signal: EndSignal,
    longest: number,
    own: Readonly<Record<string, string>> | undefined,
  ): Promise<WireResponse> {
    const timeouts = { connect: connectTimeout, firstByte: longest, silence: longest };
    const response = await this.#options.outbound(this.#url, {
      method: "POST",
      headers: this.#headersFor(message, own),
      body: JSON.stringify(message),
      timeouts,
      signal,
    });
    if (response.status >= 200 && response.status < 300) return response;
    const moved = this.#moves < mostMoves ? movedUrl(response, this.#url) : undefined;
    if (moved) {
      response.cancel();
      this.#moves++;
      this.#url = moved;
      return this.#post(message, signal, longest, own);
    }
    throw await this.#refusal(response, message);
  }

  /** Returns the error of a response that is no success. One that is a message of JSON-RPC is an answer. */
  async #refusal(response: WireResponse, message: RpcMessage): Promise<Error> {
    const { status } = response;
    const text = await response.text(64 * 1024).catch(() => "");
    const [body] = parseMessages(text) ?? [];
    if (this.#sessionId !== undefined && refusesSession(status, text)) return lostSession();
    // Once it is greeted, a server that refuses a request with an error of MCP has answered it.
    if (body && "error" in body && body.error && this.#revision !== undefined && isAnswer(status))
      return new RpcError(body.error.code, body.error.message, body.error.data);
    const error = body && "error" in body ? body.error : undefined;
    const retryAfter = retryAfterOf(response, error?.data);
    if (error && "id" in message)
      return new McpFailure("refused", error.message, { status, retryAfter, cause: error });
    return new McpFailure("refused", `the server answered with status ${status}`, { status, retryAfter });
  }

  /** Returns the headers of a POST. Those of the same thing are the same object, which is written once. */
  #headersFor(message: RpcMessage, own: Readonly<Record<string, string>> | undefined): RequestHeaders {
    const repeated = headersOf(message);
    const key = `${Object.values(repeated).join(" ")}${own ? JSON.stringify(own) : ""}`;
    const known = this.#postHeaders.get(key);
    if (known) return known;
    const headers = { ...this.#headers(), ...repeated, ...own, "content-type": "application/json" };
    if (key.length > longestKey) return headers;
    if (this.#postHeaders.size >= mostKept) this.#postHeaders.clear();
    this.#postHeaders.set(key, Object.freeze(headers));
    return headers;
  }

  #headers(): Record<string, string> {
    return {
      ...this.#options.headers,
      accept: "application/json, text/event-stream",
      ...(this.#revision !== undefined && { "mcp-protocol-version": this.#revision }),
      ...(this.#sessionId !== undefined && { "mcp-session-id": this.#sessionId }),
    };
  }

  /** Reads what a legacy server sends by itself, for as long as it has a stream for it. */
  async #listen(): Promise<void> {
    let end: StreamEnd | undefined;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const response = await this.#openStream(signal, end?.lastEventId);
        if (response.status === 200)
          end = await readEvents(response, (message) => this.#takeUnasked(message), end);
        else {
          response.cancel();
          // It may know the stream but not the event any more.
          if (end?.lastEventId === undefined) return;
          end = undefined;
        }
      } catch {
        // Opened again below.
      }
      await Bun.sleep(reopenDelay(end ?? {}));
    }
  }

  /** Takes a message that does not say to which request it belongs. */
  #takeUnasked(message: RpcMessage): void {
    if (isRequest(message)) void answerByOnly(message, this.#underWay, this.#answer);
    else if ("method" in message) this.#events.onNotification(message);
  }
}

/** Returns the seconds that a server wants to be left alone for: by its header, or by the data of its error. */
function retryAfterOf({ headers }: WireResponse, data: unknown): number | undefined {
  const told = retryAfterIn(headers.get("retry-after"), headers.get("date"));
  if (told !== undefined || !isObject(data)) return told;
  const milliseconds = Number(data["retryAfterMs"] ?? data["retry_after_ms"]) / 1000;
  return retryAfterSeconds(data["retryAfter"] ?? data["retry_after"] ?? milliseconds);
}

/** True if a response of this status can be the server's answer, and not that of something on the way to it. */
function isAnswer(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 403, 429].includes(status);
}
