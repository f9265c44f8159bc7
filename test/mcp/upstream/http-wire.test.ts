import { describe, expect, it, onTestFinished, vi } from "vitest";
import { HttpWire } from "../../../src/mcp/upstream/http-wire.ts";
import { createOutbound } from "../../../src/net/outbound.ts";
import { eventStream, openHttpWire, patient, result, streamOf } from "../../support/mcp/http-wire.ts";
import { passes } from "../../support/passes.ts";

describe("a server over HTTP", () => {
  it.each([
    ["before its answer", () => new Promise<Response>(() => undefined)],
    ["in its stream", () => eventStream([], true)],
  ])(
    "whose connection is closed %s ends its calls as closed: their callers have not left (failure mode 162)",
    async (_, answer) => {
      const { wire, received } = openHttpWire(answer);
      const call = wire.exchange("tools/call", {}, patient);
      call.catch(() => undefined);
      await passes(() => expect(received).toHaveLength(1));
      await wire.close();
      await expect(call).rejects.toMatchObject({ kind: "closed", isUnsent: false });
    },
  );

  it("answers with JSON, and gets the configured headers", async () => {
    const { wire, received } = openHttpWire((message) => Response.json(result(message, { a: 1 })));
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
    const { wire, events: own } = openHttpWire((message) =>
      eventStream([progress, log, result(message, { a: 1 })]),
    );
    const [onProgress, onNotification] = [vi.fn(), vi.fn()];
    expect(await wire.exchange("tools/call", {}, { ...patient, onProgress, onNotification })).toEqual({
      a: 1,
    });
    expect(onProgress).toHaveBeenCalledTimes(1);
    expect(onNotification.mock.calls).toEqual([[log]]);
    expect(own.onNotification).not.toHaveBeenCalled();
  });

  it("may leave out the empty line behind its answer, but not a part of it", async () => {
    const { wire } = openHttpWire((message) => {
      const answer = JSON.stringify(result(message, { a: 1 }));
      return streamOf(`data: ${message["method"] === "whole" ? answer : answer.slice(0, -5)}`);
    });
    expect(await wire.exchange("whole", {}, patient)).toEqual({ a: 1 });
    await expect(wire.exchange("part", {}, patient)).rejects.toMatchObject({ kind: "closed" });
  });

  it("has its answer taken from a stream that does not end", async () => {
    const { wire } = openHttpWire((message) => eventStream([result(message, { a: 1 })], true));
    expect(await wire.exchange("tools/call", {}, patient)).toEqual({ a: 1 });
  });

  it("cannot answer a request with the id of another", async () => {
    const { wire } = openHttpWire(() =>
      eventStream([{ jsonrpc: "2.0", id: 999, result: { of: "somebody else" } }]),
    );
    await expect(wire.exchange("tools/call", {}, patient)).rejects.toMatchObject({ kind: "closed" });
  });

  it("asks the call on whose stream it asks, also while others are under way", async () => {
    const answered: unknown[] = [];
    const held = Promise.withResolvers<void>();
    const { wire } = openHttpWire(async (message) => {
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
    const { wire, received } = openHttpWire((message) =>
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
      const { wire } = openHttpWire((message) =>
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
    const { wire } = openHttpWire(() => new Response("no such page", { status: 404 }));
    await expect(wire.exchange("tools/call", {}, patient)).rejects.toMatchObject({
      kind: "refused",
      status: 404,
    });
  });

  it("is told when a call of a legacy revision is cancelled, and loses its stream", async () => {
    const gone = Promise.withResolvers<void>();
    const { wire, received } = openHttpWire((message, request) => {
      if (message["method"] === "initialize")
        return Response.json(result(message), { headers: { "mcp-session-id": "s" } });
      if (message["id"] === undefined) return new Response(null, { status: 202 });
      request.signal.addEventListener("abort", () => gone.resolve());
      return eventStream([], true);
    });
    await wire.exchange("initialize", {}, patient);
    wire.use("2025-11-25");
    const caller = new AbortController();
    const call = wire.exchange("tools/call", {}, { ...patient, signal: caller.signal });
    await passes(() => expect(received.some(({ message }) => message["method"] === "tools/call")).toBe(true));
    caller.abort();
    await expect(call).rejects.toMatchObject({ kind: "cancelled" });
    await gone.promise;
    await passes(() =>
      expect(received.at(-1)!.message).toMatchObject({
        method: "notifications/cancelled",
        params: { requestId: 2 },
      }),
    );
  });

  it("that is not there fails so that the call can be made elsewhere", async () => {
    const outbound = createOutbound();
    onTestFinished(() => outbound.close());
    const options = { url: new URL("http://127.0.0.1:1/mcp"), headers: {}, outbound };
    const wire = new HttpWire(options, { onNotification: vi.fn(), onClose: vi.fn() });
    await expect(wire.exchange("a", {}, patient)).rejects.toMatchObject({ kind: "closed", isUnsent: true });
  });

  it.each([
    ["HTML", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    ["a message that is none", () => Response.json({ hello: "world" })],
    ["a notification alone", () => Response.json({ jsonrpc: "2.0", method: "x" })],
    ["an event of more than 10 MB", () => eventStream([{ big: "x".repeat(11 * 1024 * 1024) }])],
    ["a body of more than 10 MB", () => Response.json({ big: "x".repeat(11 * 1024 * 1024) })],
  ])("that sends %s is malformed", async (_, answer) => {
    const { wire } = openHttpWire(answer);
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
      const { wire } = openHttpWire((message, request) => {
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
    const { wire } = openHttpWire(
      () => new Response(null, { status: 308, headers: { location: `/${++hops}` } }),
    );
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
    const { wire } = openHttpWire((message) =>
      typed(write(JSON.stringify(result(message, { a: "ä" }))), type),
    );
    expect(await wire.exchange("tools/list", {}, patient)).toEqual({ a: "ä" });
    // A text that is cut off is no answer.
    const cut = openHttpWire((message) =>
      typed(write(JSON.stringify(result(message, { a: 1 }))).slice(0, -4), type),
    );
    await expect(cut.wire.exchange("a", {}, patient)).rejects.toMatchObject({ name: "McpFailure" });
  });
});
