import { onTestFinished, vi } from "vitest";
import { HttpWire } from "../../../src/mcp/upstream/http-wire.ts";
import { createOutbound } from "../../../src/net/outbound.ts";

type Answer = (message: Record<string, unknown>, request: Request) => Response | Promise<Response>;

/** A server over HTTP that is scripted, and a wire to it. */
export function openHttpWire(
  answer: Answer,
  listen: (request: Request) => Response = () => new Response(null, { status: 405 }),
) {
  const received: { method: string; headers: Headers; message: Record<string, unknown> }[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const text = await request.text();
      const message = text === "" ? {} : JSON.parse(text);
      received.push({ method: request.method, headers: request.headers, message });
      if (request.method === "GET") return listen(request);
      return request.method === "DELETE" ? new Response() : answer(message, request);
    },
  });
  const outbound = createOutbound();
  const events = { onNotification: vi.fn(), onClose: vi.fn() };
  const url = new URL(`http://127.0.0.1:${server.port}/mcp`);
  const wire = new HttpWire({ url, headers: { authorization: "Bearer upstream" }, outbound }, events);
  onTestFinished(async () => {
    await wire.close();
    await outbound.close();
    await server.stop(true);
  });
  return { wire, received, events };
}

/** Returns the response to a request. */
export const result = ({ id }: Record<string, unknown>, value: object = {}) => ({
  jsonrpc: "2.0",
  id,
  result: value,
});

/** A response of server-sent events. With `keepOpen` it does not end by itself. */
export function eventStream(messages: object[], keepOpen = false): Response {
  const text = messages.map((message) => `event: message\ndata: ${JSON.stringify(message)}\n\n`).join("");
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      if (!keepOpen) controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** A response with this event stream. */
export function streamOf(stream: string): Response {
  return new Response(stream, { headers: { "content-type": "text/event-stream" } });
}

/** The options of an exchange that may take long. */
export const patient = { timeout: 30_000 };
