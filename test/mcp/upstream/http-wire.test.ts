import { afterEach, describe, expect, it, vi } from "vitest";
import { HttpWire } from "../../../src/mcp/upstream/http-wire.ts";
import { createOutbound } from "../../../src/net/outbound.ts";

type Answer = (message: Record<string, unknown>, request: Request) => Response | Promise<Response>;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

/** A server over HTTP that is scripted, and a wire to it. */
function open(
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
  cleanUps.push(
    () => wire.close(),
    () => outbound.close(),
    () => server.stop(true),
  );
  return { wire, received, events };
}

const result = ({ id }: Record<string, unknown>, value: object = {}) => ({
  jsonrpc: "2.0",
  id,
  result: value,
});

/** A response of server-sent events. With `keepOpen` it does not end by itself. */
function events(messages: object[], keepOpen = false): Response {
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
function text(stream: string): Response {
  return new Response(stream, { headers: { "content-type": "text/event-stream" } });
}

const patient = { timeout: 30_000 };

describe("a server over HTTP", () => {
  it.each([
    ["before its answer", () => new Promise<Response>(() => undefined)],
    ["in its stream", () => events([], true)],
  ])(
    "whose connection is closed %s ends its calls as closed: their callers have not left (failure mode 162)",
    async (_, answer) => {
      const { wire, received } = open(answer);
      const call = wire.exchange("tools/call", {}, patient);
      call.catch(() => undefined);
      await vi.waitFor(() => expect(received).toHaveLength(1));
      await wire.close();
      await expect(call).rejects.toMatchObject({ kind: "closed", isUnsent: false });
    },
  );

  it("answers with JSON, and gets the configured headers", async () => {
    const { wire, received } = open((message) => Response.json(result(message, { a: 1 })));
    expect(await wire.exchange("tools/list", {}, patient)).toEqual({ a: 1 });
    const { headers, message } = received[0]!;
    expect(headers.get("authorization")).toBe("Bearer upstream");
    expect(headers.get("accept")).toBe("application/json, text/event-stream");
    expect(headers.get("mcp-method")).toBeNull();
    expect(message).toEqual({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} });
  });

  it("answers with a stream, whose other messages belong to the request", async () => {
    const progress = {
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: { progressToken: 1, progress: 1 },
    };
    const log = { jsonrpc: "2.0", method: "notifications/message", params: { data: "x" } };
    const { wire, events: own } = open((message) => events([progress, log, result(message, { a: 1 })]));
    const [onProgress, onNotification] = [vi.fn(), vi.fn()];
    expect(await wire.exchange("tools/call", {}, { ...patient, onProgress, onNotification })).toEqual({
      a: 1,
    });
    expect(onProgress).toHaveBeenCalledTimes(1);
    expect(onNotification.mock.calls).toEqual([[log]]);
    expect(own.onNotification).not.toHaveBeenCalled();
  });

  it("may leave out the empty line behind its answer, but not a part of it", async () => {
    const { wire } = open((message) => {
      const answer = JSON.stringify(result(message, { a: 1 }));
      return text(`data: ${message["method"] === "whole" ? answer : answer.slice(0, -5)}`);
    });
    expect(await wire.exchange("whole", {}, patient)).toEqual({ a: 1 });
    await expect(wire.exchange("part", {}, patient)).rejects.toMatchObject({ kind: "closed" });
  });

  it("has its answer taken from a stream that does not end", async () => {
    const { wire } = open((message) => events([result(message, { a: 1 })], true));
    expect(await wire.exchange("tools/call", {}, patient)).toEqual({ a: 1 });
  });

  it("cannot answer a request with the id of another", async () => {
    const { wire } = open(() => events([{ jsonrpc: "2.0", id: 999, result: { of: "somebody else" } }]));
    await expect(wire.exchange("tools/call", {}, patient)).rejects.toMatchObject({ kind: "closed" });
  });

  it("asks the call on whose stream it asks, also while others are under way", async () => {
    const answered: unknown[] = [];
    const held = Promise.withResolvers<void>();
    const { wire } = open(async (message) => {
      if (message["method"] === undefined) {
        answered.push(message);
        held.resolve();
        return new Response(null, { status: 202 });
      }
      const question = { jsonrpc: "2.0", id: "q", method: "roots/list" };
      if (message["method"] === "asking") {
        const body = new ReadableStream<Uint8Array>({
          async start(controller) {
            const send = (one: object) =>
              controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(one)}\n\n`));
            send(question);
            await held.promise;
            send(result(message, { done: true }));
            controller.close();
          },
        });
        return new Response(body, { headers: { "content-type": "text/event-stream" } });
      }
      await held.promise;
      return Response.json(result(message));
    });
    const others = vi.fn(async () => ({}));
    const other = wire.exchange("other", {}, { ...patient, onRequest: others });
    const onRequest = async () => ({ roots: [] });
    expect(await wire.exchange("asking", {}, { ...patient, onRequest })).toEqual({ done: true });
    await other;
    expect(answered).toEqual([{ jsonrpc: "2.0", id: "q", result: { roots: [] } }]);
    expect(others).not.toHaveBeenCalled();
  });

  it("gets the session id that it gave, and the revision", async () => {
    const { wire, received } = open((message) =>
      Response.json(result(message), { headers: { "mcp-session-id": "s-1" } }),
    );
    await wire.exchange("initialize", {}, patient);
    wire.use("2025-11-25");
    await wire.exchange("tools/list", {}, patient);
    await wire.close();
    const posts = received.filter(({ method }) => method === "POST");
    expect(posts.map(({ headers }) => headers.get("mcp-session-id"))).toEqual([null, "s-1"]);
    expect(posts[1]!.headers.get("mcp-protocol-version")).toBe("2025-11-25");
    expect(received.at(-1)).toMatchObject({ method: "DELETE" });
  });

  it.each([
    [404, "Session not found"],
    [404, ""],
    [410, "Gone"],
    [401, "Unauthorized: Session not found"],
    [400, "Bad Request: No valid session ID provided"],
  ])(
    "that has forgotten the session (%i %j) fails so that the call can be made again",
    async (status, text) => {
      const { wire } = open((message) =>
        message["method"] === "initialize"
          ? Response.json(result(message), { headers: { "mcp-session-id": "s-1" } })
          : new Response(text, { status }),
      );
      await wire.exchange("initialize", {}, patient);
      await expect(wire.exchange("tools/call", {}, patient)).rejects.toMatchObject({
        kind: "session",
        isUnsent: true,
      });
    },
  );

  it("without a session answers 404 for what is not there", async () => {
    const { wire } = open(() => new Response("no such page", { status: 404 }));
    await expect(wire.exchange("tools/call", {}, patient)).rejects.toMatchObject({
      kind: "refused",
      status: 404,
    });
  });

  it("is told when a call of a legacy revision is cancelled, and loses its stream", async () => {
    const gone = Promise.withResolvers<void>();
    const { wire, received } = open((message, request) => {
      if (message["method"] === "initialize")
        return Response.json(result(message), { headers: { "mcp-session-id": "s" } });
      if (message["id"] === undefined) return new Response(null, { status: 202 });
      request.signal.addEventListener("abort", () => gone.resolve());
      return events([], true);
    });
    await wire.exchange("initialize", {}, patient);
    wire.use("2025-11-25");
    const caller = new AbortController();
    const call = wire.exchange("tools/call", {}, { ...patient, signal: caller.signal });
    await vi.waitFor(() =>
      expect(received.some(({ message }) => message["method"] === "tools/call")).toBe(true),
    );
    caller.abort();
    await expect(call).rejects.toMatchObject({ kind: "cancelled" });
    await gone.promise;
    await vi.waitFor(() =>
      expect(received.at(-1)!.message).toMatchObject({
        method: "notifications/cancelled",
        params: { requestId: 2 },
      }),
    );
  });

  it("that is not there fails so that the call can be made elsewhere", async () => {
    const outbound = createOutbound();
    cleanUps.push(() => outbound.close());
    const options = { url: new URL("http://127.0.0.1:1/mcp"), headers: {}, outbound };
    const wire = new HttpWire(options, { onNotification: vi.fn(), onClose: vi.fn() });
    await expect(wire.exchange("a", {}, patient)).rejects.toMatchObject({ kind: "closed", isUnsent: true });
  });

  it.each([
    ["HTML", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    ["a message that is none", () => Response.json({ hello: "world" })],
    ["a notification alone", () => Response.json({ jsonrpc: "2.0", method: "x" })],
    ["an event of more than 10 MB", () => events([{ big: "x".repeat(11 * 1024 * 1024) }])],
    ["a body of more than 10 MB", () => Response.json({ big: "x".repeat(11 * 1024 * 1024) })],
  ])("that sends %s is malformed", async (_, answer) => {
    const { wire } = open(answer);
    await expect(wire.exchange("a", {}, patient)).rejects.toMatchObject({ kind: "malformed" });
  });

  it.each([
    ["its own path", "/mcp/", 1],
    ["another scheme and port of its host", "http://127.0.0.1:1/mcp/", 1],
    ["another host", "http://localhost:9/mcp/", 0],
    ["the same address", "/mcp", 0],
    ["no address", "http://[", 0],
  ])(
    "that sends requests on to %s gets them there if that is its host (T288)",
    async (_, location, times) => {
      let moved = 0;
      const { wire } = open((message, request) => {
        if (new URL(request.url).pathname === "/mcp/") {
          moved++;
          return Response.json(result(message, { at: request.headers.get("authorization") }));
        }
        return new Response(null, { status: 307, headers: { location } });
      });
      const call = wire.exchange("tools/list", {}, patient);
      if (times === 0) await expect(call).rejects.toMatchObject({ kind: "refused", status: 307 });
      else {
        expect(await call).toEqual({ at: "Bearer upstream" });
        await wire.exchange("tools/list", {}, patient);
      }
      expect(moved).toBe(times * 2);
    },
  );

  it("that sends requests on without end is refused", async () => {
    let hops = 0;
    const { wire } = open(() => new Response(null, { status: 308, headers: { location: `/${++hops}` } }));
    await expect(wire.exchange("a", {}, patient)).rejects.toMatchObject({ kind: "refused", status: 308 });
    expect(hops).toBe(4);
  });

  const typed = (body: string | ReadableStream, type: string) =>
    new Response(body, { headers: type === "" ? {} : { "content-type": type } });
  it.each([
    ["JSON as an event stream", "text/event-stream", (json: string) => `\n ${json}`],
    ["a list as an event stream", "text/event-stream", (json: string) => `[${json}]`],
    ["events as JSON", "application/json", (json: string) => `event: message\ndata: ${json}\n\n`],
    ["events without a type", "", (json: string) => `: hello\n\nid: 1\ndata: ${json}`],
  ])("may announce %s wrongly (failure mode 243)", async (_, type, write) => {
    const { wire } = open((message) => typed(write(JSON.stringify(result(message, { a: "ä" }))), type));
    expect(await wire.exchange("tools/list", {}, patient)).toEqual({ a: "ä" });
    // A text that is cut off is no answer.
    const cut = open((message) => typed(write(JSON.stringify(result(message, { a: 1 }))).slice(0, -4), type));
    await expect(cut.wire.exchange("a", {}, patient)).rejects.toMatchObject({ name: "McpFailure" });
  });

  it("tells what it sends by itself on a stream of its own", async () => {
    const changed = { jsonrpc: "2.0", method: "notifications/tools/list_changed" };
    const { wire, events: own } = open(
      (message) => Response.json(result(message), { headers: { "mcp-session-id": "s" } }),
      () => events([changed], true),
    );
    await wire.exchange("initialize", {}, patient);
    wire.use("2025-11-25");
    await vi.waitFor(() => expect(own.onNotification.mock.calls).toEqual([[changed]]));
  });

  /** A legacy session is begun. */
  const begun = async (wire: HttpWire) => {
    await wire.exchange("initialize", {}, patient);
    wire.use("2025-11-25");
  };
  const greeted = (message: Record<string, unknown>) =>
    Response.json(result(message), { headers: { "mcp-session-id": "s" } });

  it("is asked for the rest of a stream that ended before the answer, after the time that it wants (failure mode 158)", async () => {
    let endedAt = 0;
    const resumed: { id: string | null; after: number }[] = [];
    const { wire, received } = open(
      (message) => {
        if (message["method"] === "initialize") return greeted(message);
        if (message["id"] === undefined) return new Response(null, { status: 202 });
        endedAt = performance.now();
        return text("id: one\nretry: 300\ndata: \n\n");
      },
      (request) => {
        const id = request.headers.get("last-event-id");
        if (id === null) return new Response(null, { status: 405 });
        resumed.push({ id, after: performance.now() - endedAt });
        if (id === "one") return text("id: two\ndata: \n\n");
        return events([result({ id: 2 }, { late: true })]);
      },
    );
    await begun(wire);
    expect(await wire.exchange("tools/call", {}, patient)).toEqual({ late: true });
    expect(resumed.map(({ id }) => id)).toEqual(["one", "two"]);
    for (const { after } of resumed) expect(after).toBeGreaterThan(290);
    expect(received.filter(({ message }) => message["method"] === "tools/call")).toHaveLength(1);
  });

  it.each([
    ["gives its events no ids", "data: \n\n", 200],
    ["does not know the event any more", "id: one\nretry: 0\ndata: \n\n", 400],
    ["gives an id that fits into no header", `id: ${"x".repeat(2000)}\ndata: \n\n`, 200],
  ])("that %s has failed with the end of the stream (failure mode 158)", async (_, head, status) => {
    const { wire, received } = open(
      (message) => (message["method"] === "initialize" ? greeted(message) : text(head)),
      (request) => new Response(null, { status: request.headers.has("last-event-id") ? status : 405 }),
    );
    await begun(wire);
    await expect(wire.exchange("tools/call", {}, patient)).rejects.toMatchObject({
      kind: "closed",
      isUnsent: false,
    });
    expect(received.filter(({ message }) => message["method"] === "tools/call")).toHaveLength(1);
  });

  it("that asks on its own stream is answered by the only call under way, and by none of several (failure mode 159)", async () => {
    const question = { jsonrpc: "2.0", method: "roots/list" };
    const answered: Record<string, unknown>[] = [];
    const held = new Map<unknown, PromiseWithResolvers<void>>();
    let ask!: (id: string) => void;
    const { wire } = open(
      async (message) => {
        if (message["method"] === "initialize") return greeted(message);
        if (message["method"] === undefined) {
          answered.push(message);
          return new Response(null, { status: 202 });
        }
        const waiting = Promise.withResolvers<void>();
        held.set(message["method"], waiting);
        await waiting.promise;
        return Response.json(result(message));
      },
      () => {
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            ask = (id) =>
              controller.enqueue(
                new TextEncoder().encode(`data: ${JSON.stringify({ ...question, id })}\n\n`),
              );
            controller.enqueue(new TextEncoder().encode(":\n\n"));
          },
        });
        return new Response(body, { headers: { "content-type": "text/event-stream" } });
      },
    );
    await begun(wire);
    const onRequest = vi.fn(async () => ({ roots: [] }));
    const first = wire.exchange("first", {}, { ...patient, onRequest });
    await vi.waitFor(() => expect([held.has("first"), ask]).toEqual([true, expect.any(Function)]));
    ask("alone");
    await vi.waitFor(() =>
      expect(answered).toEqual([{ jsonrpc: "2.0", id: "alone", result: { roots: [] } }]),
    );
    const second = wire.exchange("second", {}, { ...patient, onRequest });
    await vi.waitFor(() => expect(held.has("second")).toBe(true));
    ask("of whom");
    await vi.waitFor(() => expect(answered[1]).toMatchObject({ id: "of whom", error: { code: -32600 } }));
    expect(onRequest).toHaveBeenCalledTimes(1);
    for (const waiting of held.values()) waiting.resolve();
    await Promise.all([first, second]);
  });
});
