import { describe, expect, it, onTestFinished } from "vitest";
import { ApiClient } from "../../../../src/cli/client/client.ts";
import { McpBridge } from "../../../../src/cli/cmd/mcp/bridge.ts";
import { passes } from "../../../support/passes.ts";

interface Posted {
  method: string;
  headers: Headers;
  message: { id?: number; method?: string; params?: Record<string, unknown> };
}

/** A server that is scripted, and a bridge to it whose client writes into `type`. */
function open(answer: (posted: Posted) => Response) {
  const posted: Posted[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const text = await request.text();
      const one = { method: request.method, headers: request.headers, message: text ? JSON.parse(text) : {} };
      posted.push(one);
      return answer(one);
    },
  });
  onTestFinished(() => server.stop(true));
  const written: string[] = [];
  const input = new TransformStream<Uint8Array, Uint8Array>();
  const keyboard = input.writable.getWriter();
  const stop = new AbortController();
  const client = new ApiClient(
    { url: `http://127.0.0.1:${server.port}`, token: "tok" },
    { signal: stop.signal },
  );
  const path = "/projects/demo/mcp";
  const bridge = new McpBridge({ client, path, write: (line) => written.push(line), signal: stop.signal });
  const ended = bridge.run(input.readable as unknown as AsyncIterable<Uint8Array>);
  const type = (...messages: object[]) =>
    keyboard.write(new TextEncoder().encode(messages.map((one) => `${JSON.stringify(one)}\n`).join("")));
  const answers = () => written.map((line) => JSON.parse(line));
  const end = async () => {
    await keyboard.close();
    await ended;
  };
  return { posted, written, answers, type, end };
}

/** A stream of events that stays open, and tells when its reader leaves. */
function openStream(first: object) {
  const left = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) =>
      controller.enqueue(
        new TextEncoder().encode(`data: ${JSON.stringify({ jsonrpc: "2.0", ...first })}\n\n`),
      ),
    cancel: () => left.resolve(),
  });
  return {
    response: new Response(body, { headers: { "content-type": "text/event-stream" } }),
    left: left.promise,
  };
}

const modern = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };
const progress = { method: "notifications/progress", params: { progress: 1 } };

const initialize = { jsonrpc: "2.0", id: 1, method: "initialize", params: { protocolVersion: "2025-11-25" } };
const ready = { jsonrpc: "2.0", method: "notifications/initialized" };
const ping = (id: number) => ({ jsonrpc: "2.0", id, method: "ping" });

/** A server of a legacy revision that knows the given sessions. */
const legacy =
  (sessions: string[], next: () => string, refuse?: () => Response | undefined) =>
  ({ method, headers, message }: Posted): Response => {
    if (method === "GET") return new Response(null, { status: 405 });
    if (method === "DELETE") return new Response();
    if (message.method === "initialize") {
      const refusal = refuse?.();
      if (refusal) return refusal;
      const id = next();
      sessions.push(id);
      const result = { protocolVersion: "2025-11-25", capabilities: {} };
      return Response.json({ jsonrpc: "2.0", id: message.id, result }, { headers: { "mcp-session-id": id } });
    }
    if (!sessions.includes(headers.get("mcp-session-id") ?? ""))
      return Response.json(
        { jsonrpc: "2.0", id: null, error: { code: -32600, message: "Session not found" } },
        { status: 404 },
      );
    if (message.id === undefined) return new Response(null, { status: 202 });
    return Response.json({ jsonrpc: "2.0", id: message.id, result: { in: headers.get("mcp-session-id") } });
  };

describe("mcpctl mcp", () => {
  it("keeps the session and the revision of a legacy client, and ends the session with the input", async () => {
    const { posted, answers, type, end } = open(legacy([], () => "s-1"));
    await type(initialize, ready, ping(2));
    await passes(() => expect(answers()).toHaveLength(2));
    await end();
    expect(answers()[1]).toEqual({ jsonrpc: "2.0", id: 2, result: { in: "s-1" } });
    const asked = posted.find(({ message }) => message.method === "ping")!;
    expect(asked.headers.get("authorization")).toBe("Bearer tok");
    expect(asked.headers.get("mcp-protocol-version")).toBe("2025-11-25");
    expect(posted.at(-1)).toMatchObject({ method: "DELETE" });
    expect(posted.at(-1)!.headers.get("mcp-session-id")).toBe("s-1");
  });

  it("begins the session again when the server has forgotten it, and the client does not notice", async () => {
    const sessions: string[] = [];
    let made = 0;
    const { posted, answers, type, end } = open(legacy(sessions, () => `s-${++made}`));
    await type(initialize, ready, ping(2));
    await passes(() => expect(answers()).toHaveLength(2));
    sessions.length = 0;
    await type(ping(3), ping(4));
    await passes(() => expect(answers()).toHaveLength(4));
    await end();
    expect(
      answers()
        .map(({ id }) => id)
        .sort(),
    ).toEqual([1, 2, 3, 4]);
    expect(
      answers()
        .slice(2)
        .map(({ result }) => result),
    ).toEqual([{ in: "s-2" }, { in: "s-2" }]);
    expect(posted.filter(({ message }) => message.method === "initialize")).toHaveLength(2);
  });

  it("begins the session again with the next message, where that has failed once (failure mode 151)", async () => {
    const sessions: string[] = [];
    let made = 0;
    let isStarting = false;
    const busy = { error: { message: "the server is starting", type: "unavailable", code: "unavailable" } };
    const refuse = () => (isStarting ? Response.json(busy, { status: 503 }) : undefined);
    const { answers, type, end } = open(legacy(sessions, () => `s-${++made}`, refuse));
    await type(initialize, ready, ping(2));
    await passes(() => expect(answers()).toHaveLength(2));
    sessions.length = 0;
    isStarting = true;
    await type(ping(3));
    await passes(() => expect(answers()).toHaveLength(3));
    isStarting = false;
    await type(ping(4));
    await end();
    expect(answers().slice(2)).toEqual([
      { jsonrpc: "2.0", id: 3, error: { code: -32000, message: "mcpctl: the server is starting" } },
      { jsonrpc: "2.0", id: 4, result: { in: "s-2" } },
    ]);
  });

  it("cancels a modern request by leaving, sends nothing else, and answers it no more (failure mode 235)", async () => {
    const { response, left } = openStream(progress);
    const { posted, answers, type, end } = open(() => response);
    await type({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "wait", _meta: modern } });
    await passes(() => expect(answers()).toHaveLength(1));
    await type({
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: 1, _meta: modern },
    });
    await left;
    await end();
    expect(posted).toHaveLength(1);
    expect(answers()).toHaveLength(1);
  });

  it("tells a server of a legacy revision that a request is cancelled, and passes on that there is no answer", async () => {
    const called = Promise.withResolvers<Response>();
    const known = legacy([], () => "s-1");
    const { posted, answers, type, end } = open((one) => {
      if (one.message.method === "notifications/cancelled")
        called.resolve(new Response(null, { status: 202 }));
      return one.message.method === "tools/call" ? (called.promise as never) : known(one);
    });
    await type(initialize, ready, { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "wait" } });
    await passes(() => expect(posted.map(({ message }) => message.method)).toContain("tools/call"));
    await type({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 2 } });
    await end();
    expect(answers().map(({ id }) => id)).toEqual([1]);
  });

  it("ends with its input, although a modern client still listens for changes (failure mode 152)", async () => {
    const { response, left } = openStream({ method: "notifications/subscriptions/acknowledged" });
    const { answers, type, end } = open(() => response);
    await type({ jsonrpc: "2.0", id: 1, method: "subscriptions/listen", params: { _meta: modern } });
    await passes(() => expect(answers()).toHaveLength(1));
    await end();
    await left;
    expect(answers()).toHaveLength(1);
  });

  it("answers a request whose stream ends before the answer with an error (failure mode 236)", async () => {
    const { answers, type, end } = open(
      () =>
        new Response(`data: ${JSON.stringify({ jsonrpc: "2.0", ...progress })}\n\n`, {
          headers: { "content-type": "text/event-stream" },
        }),
    );
    await type(ping(1));
    await end();
    const message = "mcpctl: the connection ended before the answer; the call may have been carried out";
    expect(answers().at(-1)).toEqual({ jsonrpc: "2.0", id: 1, error: { code: -32000, message } });
  });

  it("says in headers what modern requests say in themselves, and makes no session", async () => {
    const { posted, type, end } = open(({ message }) =>
      Response.json({ jsonrpc: "2.0", id: message.id, result: {} }),
    );
    const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };
    await type({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "größe", _meta } });
    await end();
    expect(posted).toHaveLength(1);
    const { headers } = posted[0]!;
    expect(headers.get("mcp-method")).toBe("tools/call");
    expect(headers.get("mcp-name")).toBe("=?base64?Z3LDtsOfZQ==?=");
    expect(headers.get("mcp-session-id")).toBeNull();
  });

  it("writes each event of a stream as a line as it comes", async () => {
    const second = Promise.withResolvers<void>();
    const { answers, type, end } = open(({ message }) => {
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          const send = (one: object) =>
            controller.enqueue(
              new TextEncoder().encode(
                `data: ${JSON.stringify(one, null, 1).replaceAll("\n", "\ndata: ")}\n\n`,
              ),
            );
          send({ jsonrpc: "2.0", method: "notifications/progress", params: { progress: 1 } });
          await second.promise;
          send({ jsonrpc: "2.0", id: message.id, result: {} });
          controller.close();
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    });
    await type(ping(1));
    await passes(() => expect(answers()).toHaveLength(1));
    second.resolve();
    await end();
    expect(answers()).toMatchObject([{ method: "notifications/progress" }, { id: 1, result: {} }]);
  });

  it("answers a request with the server's refusal, and passes over a notification that fails", async () => {
    const refusal = { error: { message: 'project "demo" not found', type: "not_found", code: "not_found" } };
    const { answers, type, end } = open(() => Response.json(refusal, { status: 404 }));
    await type(ping(1), ready);
    await end();
    expect(answers()).toEqual([
      { jsonrpc: "2.0", id: 1, error: { code: -32000, message: 'mcpctl: project "demo" not found' } },
    ]);
  });

  it("answers what is no JSON with a parse error", async () => {
    const { answers, end, type } = open(() => new Response());
    await type([] as never);
    await end();
    expect(answers()).toEqual([
      { jsonrpc: "2.0", id: null, error: { code: -32700, message: "the message is not an object of JSON" } },
    ]);
  });
});
