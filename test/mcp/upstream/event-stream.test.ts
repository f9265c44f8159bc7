import { describe, expect, it, onTestFinished, vi } from "vitest";
import { eventMessages } from "../../../src/mcp/upstream/event-stream.ts";
import type { HttpWire } from "../../../src/mcp/upstream/http-wire.ts";
import { parseLines } from "../../../src/mcp/upstream/pending.ts";
import { eventStream, openHttpWire, patient, result, streamOf } from "../../support/mcp/http-wire.ts";
import { passes } from "../../support/passes.ts";
import { turnsOf } from "../../support/turns.ts";

describe("the streams of a server over HTTP", () => {
  it("tells what it sends by itself on a stream of its own", async () => {
    const changed = { jsonrpc: "2.0", method: "notifications/tools/list_changed" };
    const { wire, events: own } = openHttpWire(
      (message) => Response.json(result(message), { headers: { "mcp-session-id": "s" } }),
      () => eventStream([changed], true),
    );
    await wire.exchange("initialize", {}, patient);
    wire.use("2025-11-25");
    await passes(() => expect(own.onNotification.mock.calls).toEqual([[changed]]));
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
    const { wire, received } = openHttpWire(
      (message) => {
        if (message["method"] === "initialize") return greeted(message);
        if (message["id"] === undefined) return new Response(null, { status: 202 });
        endedAt = performance.now();
        return streamOf("id: one\nretry: 300\ndata: \n\n");
      },
      (request) => {
        const id = request.headers.get("last-event-id");
        if (id === null) return new Response(null, { status: 405 });
        resumed.push({ id, after: performance.now() - endedAt });
        if (id === "one") return streamOf("id: two\ndata: \n\n");
        return eventStream([result({ id: 2 }, { late: true })]);
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
    const { wire, received } = openHttpWire(
      (message) => (message["method"] === "initialize" ? greeted(message) : streamOf(head)),
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
    const { wire } = openHttpWire(
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
    await passes(() => expect([held.has("first"), ask]).toEqual([true, expect.any(Function)]));
    ask("alone");
    await passes(() => expect(answered).toEqual([{ jsonrpc: "2.0", id: "alone", result: { roots: [] } }]));
    const second = wire.exchange("second", {}, { ...patient, onRequest });
    await passes(() => expect(held.has("second")).toBe(true));
    ask("of whom");
    await passes(() => expect(answered[1]).toMatchObject({ id: "of whom", error: { code: -32600 } }));
    expect(onRequest).toHaveBeenCalledTimes(1);
    for (const waiting of held.values()) waiting.resolve();
    await Promise.all([first, second]);
  });
});

describe("a long text where JSON was announced (T379)", () => {
  const message = { jsonrpc: "2.0", id: 1, result: {} };

  it("is read as events in many turns of the event loop", async () => {
    const text = `${"id:1\n".repeat(800_000)}data: ${JSON.stringify(message)}\n\n`;
    const { value, turns } = await turnsOf(eventMessages(text));
    expect(value).toEqual([message]);
    expect(turns).toBeGreaterThan(50);
  });

  it("is read as messages in lines up to the first that is none", () => {
    const parse = vi.spyOn(JSON, "parse");
    onTestFinished(() => parse.mockRestore());
    const line = `${JSON.stringify(message)}\n`;
    expect(parseLines(`${line}\n${line}`)).toEqual([message, message]);
    parse.mockClear();
    expect(parseLines(`id:1\n${line.repeat(1000)}`)).toBeUndefined();
    expect(parse.mock.calls.length).toBeLessThan(5);
  });
});
