import type { EndSignal } from "../../end-signal.ts";
import { HttpFailure } from "../../net/outbound.ts";
import { SseParser } from "../../wire/sse.ts";
import type { RpcMessage } from "../messages.ts";
import { McpFailure } from "../rpc-error.ts";
import { unreachable } from "./event-stream.ts";
import type { HttpServerOptions } from "./http-wire.ts";
import { maxMessageBytes } from "./stdio.ts";
import { StreamWire } from "./stream-wire.ts";
import type { WireEvents, WireResponse } from "./wire.ts";

/** Milliseconds: to a connection and to the first event; that a stream may be silent; to the end of a POST. */
const timeouts = { connect: 10_000, firstEvent: 10_000, silence: 24 * 3_600_000, post: 30_000 };

/**
 * Opens a wire to a server of the oldest revision, which has HTTP with events: one GET whose stream has all that the
 * server sends, and a POST for each message, to an address that the stream tells first
 * (https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse).
 *
 * @throws McpFailure if there is no such stream
 */
export async function openSseWire(
  { url, headers, outbound }: HttpServerOptions,
  events: WireEvents,
  signal: EndSignal,
): Promise<StreamWire> {
  const closing = new AbortController();
  const open = (): Promise<WireResponse> =>
    outbound(url, {
      method: "GET",
      headers: { ...headers, accept: "text/event-stream" },
      timeouts: {
        connect: timeouts.connect,
        firstByte: timeouts.firstEvent,
        silence: timeouts.silence,
      },
      signal: closing.signal,
    });
  const stopOnAbort = () => closing.abort();
  signal.addEventListener("abort", stopOnAbort, { once: true });
  if (signal.aborted) stopOnAbort();
  const response = await open().catch((error) => {
    throw asFailure(error);
  });
  const type = response.headers.get("content-type") ?? "";
  if (response.status !== 200 || !/^text\/event-stream\b/i.test(type)) {
    response.cancel();
    const { status } = response;
    throw new McpFailure("refused", `the server answered with status ${status} and no stream of events`, {
      status,
    });
  }
  const endpoint = Promise.withResolvers<URL>();
  const stream = {
    async send(message: RpcMessage): Promise<void> {
      const answer = await outbound(await endpoint.promise, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify(message),
        timeouts: { connect: timeouts.connect, firstByte: timeouts.post, silence: timeouts.post },
        signal: closing.signal,
      });
      answer.cancel();
      if (answer.status >= 200 && answer.status < 300) return;
      throw new McpFailure("refused", `the server answered with status ${answer.status}`, {
        status: answer.status,
      });
    },
    async close() {
      closing.abort();
    },
  };
  const wire = new StreamWire(stream, events);
  const parser = new SseParser({ maxEventBytes: maxMessageBytes });
  const over = (error: Error) => {
    endpoint.reject(error);
    closing.abort();
    wire.end(error);
  };
  // Whoever opens the wire is told below; later ends are the wire's.
  endpoint.promise.catch(() => undefined);
  response.pipe({
    data(bytes) {
      try {
        for (const { event, data } of parser.push(bytes)) {
          if (event === "endpoint") endpoint.resolve(endpointIn(data, url));
          else wire.read(data);
        }
      } catch (error) {
        over(asFailure(error));
      }
    },
    end: () => over(new McpFailure("closed", "the server ended its stream")),
    error: (error) => over(asFailure(error)),
  });
  const late = setTimeout(
    () => over(new McpFailure("timeout", "the server did not tell the address for messages")),
    timeouts.firstEvent,
  );
  try {
    await endpoint.promise;
    return wire;
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", stopOnAbort);
  }
}

/** Reads the address for messages. Another host would get the headers, with the keys in them. */
function endpointIn(data: string, url: URL): URL {
  const endpoint = URL.canParse(data, url.href) ? new URL(data, url) : undefined;
  if (endpoint?.origin !== url.origin)
    throw new McpFailure("malformed", "the server names an address for messages that is not on its own host");
  return endpoint;
}

function asFailure(error: unknown): Error {
  if (error instanceof McpFailure) return error;
  if (!(error instanceof HttpFailure))
    return new McpFailure("malformed", "the server sent a message that is too large", { cause: error });
  const { kind, message } = error;
  if (kind === "cancelled") return new McpFailure("cancelled", "the call was cancelled", { cause: error });
  if (kind === "timeout") return new McpFailure("timeout", "the server took too long", { cause: error });
  if (kind === "malformed" || kind === "too-large")
    return new McpFailure("malformed", message, { cause: error });
  return unreachable(error, true);
}
