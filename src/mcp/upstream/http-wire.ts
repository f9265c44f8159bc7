import type { Exchange } from "../../net/http1/exchange.ts";
import { HttpFailure, type OutboundOptions } from "../../net/outbound.ts";
import { SseParser } from "../../wire/sse.ts";
import { headersOf } from "../http-headers.ts";
import { saysSessionIsLost } from "../lost-session.ts";
import {
  isRequest,
  type JsonObject,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
} from "../messages.ts";
import { eraOf } from "../revisions.ts";
import { McpFailure, RpcError } from "../rpc-error.ts";
import { PendingRequest, parseLines, parseMessages } from "./pending.ts";
import { maxMessageBytes } from "./stdio.ts";
import type { ExchangeOptions, UpstreamWire, WireEvents } from "./wire.ts";

/** The part of a response that a wire uses. */
export type WireResponse = Pick<Exchange, "status" | "headers" | "text" | "pipe" | "cancel">;

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
/** Milliseconds before such a stream is opened again. */
const reopenAfter = 1000;

/**
 * A wire over streamable HTTP: a POST for each request, whose response is one message or a stream of them. It is our own,
 * and not the transport of the SDK, because a message has to be known as belonging to one request (a server's question
 * must reach only the caller that it concerns), and because calls go out through `net`, which checks addresses and sizes.
 */
export class HttpWire implements UpstreamWire {
  readonly #options: HttpServerOptions;
  readonly #events: WireEvents;
  readonly #closing = new AbortController();
  #sessionId: string | undefined;
  #revision: string | undefined;
  #nextId = 1;

  constructor(options: HttpServerOptions, events: WireEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** Remembers the revision. A legacy server may send messages of its own on a stream, which is opened now. */
  use(revision: string): void {
    this.#revision = revision;
    if (eraOf(revision) === "legacy" && this.#sessionId !== undefined) void this.#listen();
  }

  async exchange(method: string, params: JsonObject, options: ExchangeOptions): Promise<JsonObject> {
    const onNotification = options.isSubscription
      ? (one: RpcNotification) => this.#events.onNotification(one)
      : options.onNotification;
    const pending = new PendingRequest(this.#nextId++, { ...options, onNotification });
    const request: RpcRequest = { jsonrpc: "2.0", id: pending.id, method, params: pending.withToken(params) };
    const gone = new AbortController();
    pending.result.catch((error) => {
      // Closing the stream of a request cancels it; a legacy server is told as well.
      gone.abort();
      const isOurs = error instanceof McpFailure && ["timeout", "cancelled"].includes(error.kind);
      if (!isOurs || method === "initialize" || this.#revision === undefined) return;
      if (eraOf(this.#revision) === "legacy")
        void this.notify("notifications/cancelled", { requestId: pending.id }).catch(() => undefined);
    });
    const signal = AbortSignal.any([this.#closing.signal, gone.signal]);
    this.#deliver(request, pending, options, signal).catch((error) => pending.fail(this.#failureOf(error)));
    return pending.result;
  }

  async notify(method: string, params?: JsonObject): Promise<void> {
    await this.#send({ jsonrpc: "2.0", method, ...(params && { params }) });
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    if (this.#sessionId !== undefined) {
      const { url, outbound } = this.#options;
      const timeouts = { connect: 2000, firstByte: 2000, silence: 2000 };
      await outbound(url, { method: "DELETE", headers: this.#headers(), timeouts }).then(
        (response) => response.cancel(),
        () => undefined,
      );
    }
    this.#closing.abort();
    this.#events.onClose(new Error("the connection was closed"));
  }

  /** The caller has cancelled nothing if it is the wire that was closed. */
  #failureOf(error: unknown): Error {
    if (!this.#closing.signal.aborted) return failureOf(error);
    return new McpFailure("closed", "the connection was closed", { cause: error });
  }

  async #deliver(
    request: RpcRequest,
    pending: PendingRequest,
    options: ExchangeOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const longest = options.longest ?? 10 * options.timeout;
    const response = await this.#post(request, signal, longest, options.headers);
    if (request.method === "initialize") this.#sessionId = response.headers.get("mcp-session-id");
    const type = response.headers.get("content-type") ?? "";
    const answer = (message: RpcMessage) => this.#send(message);
    const take = (message: RpcMessage) => pending.take(message, answer);
    if (/^text\/event-stream\b/i.test(type)) {
      const ended = await readEvents(response, (message) => {
        // Requests of the server carry ids of their own; a response with another id belongs to nobody.
        if ("method" in message || message.id === pending.id) take(message);
        // A server should end the stream now. One that does not must not keep a connection for ever.
        if (pending.isOver) setTimeout(() => response.cancel(), endAfter).unref();
      });
      return pending.fail(this.#failureOf(ended));
    }
    const text = await response.text(maxMessageBytes);
    const messages = parseMessages(text) ?? parseLines(text);
    if (!messages) throw new McpFailure("malformed", "the server's answer is not a message of MCP");
    for (const message of messages) take(message);
    pending.fail(new McpFailure("malformed", "the server's answer has no result"));
  }

  async #send(message: RpcMessage): Promise<void> {
    try {
      (await this.#post(message, this.#closing.signal, connectTimeout)).cancel();
    } catch (error) {
      throw failureOf(error);
    }
  }

  async #post(
    message: RpcMessage,
    signal: AbortSignal,
    longest: number,
    own: Readonly<Record<string, string>> = {},
  ): Promise<WireResponse> {
    const { url, outbound } = this.#options;
    const timeouts = { connect: connectTimeout, firstByte: longest, silence: longest };
    const headers = {
      ...this.#headers(),
      ...headersOf(message),
      ...own,
      "content-type": "application/json",
    };
    const response = await outbound(url, {
      method: "POST",
      headers,
      body: JSON.stringify(message),
      timeouts,
      signal,
    });
    if (response.status >= 200 && response.status < 300) return response;
    throw await this.#refusal(response, message);
  }

  /** Returns the error of a response that is no success. One that is a message of JSON-RPC is an answer. */
  async #refusal(response: WireResponse, message: RpcMessage): Promise<Error> {
    const { status } = response;
    const text = await response.text(64 * 1024).catch(() => "");
    const [body] = parseMessages(text) ?? [];
    // Servers word this differently. With a session, 404 always means it (revision 2025-11-25, "Session Management").
    if (this.#sessionId !== undefined && (status === 404 || (status >= 400 && saysSessionIsLost(text))))
      return new McpFailure("session", "the server does not know the session any more", { isUnsent: true });
    // Once it is greeted, a server that refuses a request with an error of MCP has answered it.
    if (body && "error" in body && body.error && this.#revision !== undefined && isAnswer(status))
      return new RpcError(body.error.code, body.error.message, body.error.data);
    if (body && "error" in body && body.error && "id" in message)
      return new McpFailure("refused", body.error.message, { status, cause: body.error });
    return new McpFailure("refused", `the server answered with status ${status}`, { status });
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
    const { url, outbound } = this.#options;
    const timeouts = { connect: connectTimeout, firstByte: listenSilence, silence: listenSilence };
    while (!this.#closing.signal.aborted) {
      try {
        const headers = { ...this.#headers(), accept: "text/event-stream" };
        const response = await outbound(url, {
          method: "GET",
          headers,
          timeouts,
          signal: this.#closing.signal,
        });
        if (response.status !== 200) return response.cancel();
        await readEvents(response, (message) => {
          if ("method" in message && !isRequest(message)) this.#events.onNotification(message);
        });
      } catch {
        // Opened again below.
      }
      await Bun.sleep(reopenAfter);
    }
  }
}

/** Hands on each message of an event stream. Resolves with the failure that a request without an answer has then. */
function readEvents(response: WireResponse, take: (message: RpcMessage) => void): Promise<Error> {
  const parser = new SseParser({ maxEventBytes: maxMessageBytes });
  return new Promise((resolve) => {
    response.pipe({
      data(bytes) {
        try {
          for (const { data } of parser.push(bytes))
            for (const message of parseMessages(data) ?? []) take(message);
        } catch (cause) {
          resolve(new McpFailure("malformed", "the server sent a message that is too large", { cause }));
          response.cancel();
        }
      },
      end: () => resolve(new McpFailure("closed", "the server ended its stream without an answer")),
      error: (error) => resolve(failureOf(error)),
    });
  });
}

/** True if a response of this status can be the server's answer, and not that of something on the way to it. */
function isAnswer(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 403, 429].includes(status);
}

/** Returns the failure that callers get for an error of the connection. */
function failureOf(error: unknown): Error {
  if (!(error instanceof HttpFailure)) return error as Error;
  const { kind, message } = error;
  if (kind === "cancelled") return new McpFailure("cancelled", "the call was cancelled", { cause: error });
  if (kind === "timeout") return new McpFailure("timeout", "the server took too long", { cause: error });
  if (kind === "malformed" || kind === "too-large")
    return new McpFailure("malformed", message, { cause: error });
  const isUnsent = kind === "connect" || kind === "refused";
  return new McpFailure("closed", "the server cannot be reached", { isUnsent, cause: error });
}
