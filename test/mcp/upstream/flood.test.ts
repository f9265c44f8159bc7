import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { RpcMessage } from "../../../src/mcp/messages.ts";
import { HttpWire } from "../../../src/mcp/upstream/http-wire.ts";
import { stdioWire } from "../../../src/mcp/upstream/stdio.ts";
import { StreamWire } from "../../../src/mcp/upstream/stream-wire.ts";
import { createOutbound } from "../../../src/net/outbound.ts";
import { passes } from "../../support/passes.ts";

const ping = (id: number) => ({ jsonrpc: "2.0", id: `p${id}`, method: "ping" }) as const;
const lines = (count: number, line: (i: number) => string) =>
  Buffer.from(Array.from({ length: count }, (_, i) => `${line(i)}\n`).join(""));

/** Reads what a program has written at once, with a function that takes what is written to it. */
function program(output: Uint8Array, write: () => Promise<void> = async () => undefined) {
  const events = { onNotification: vi.fn(), onClose: vi.fn(), onNoise: vi.fn() };
  const stop = vi.fn(async () => undefined);
  const written = vi.fn(write);
  const stdout = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(output);
      controller.close();
    },
  });
  stdioWire({ stdout, write: written, stop }, events);
  return { events, stop, written };
}

describe("an MCP server that writes without end", () => {
  it.each([
    ["short lines that are no messages", () => "y"],
    ["notifications", () => JSON.stringify({ jsonrpc: "2.0", method: "notifications/tools/list_changed" })],
    ["answers that nobody waits for", (i: number) => JSON.stringify({ jsonrpc: "2.0", id: i, result: {} })],
  ])("over pipes leaves turns of the event loop to others: %s (T317)", async (_, line) => {
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    onTestFinished(() => {
      isOver = true;
    });
    const { events } = program(lines(60_000, line));
    setImmediate(count);
    await passes(() => expect(events.onClose).toHaveBeenCalled());
    // In one go the lines would take one turn.
    expect(turns).toBeGreaterThan(10);
  });
});

describe("an MCP server that asks without end", () => {
  it("over pipes is ended when it does not read the answers (T318)", async () => {
    const { events, stop, written } = program(
      lines(5000, (i) => JSON.stringify(ping(i))),
      () => new Promise(() => undefined),
    );
    await passes(() => expect(stop).toHaveBeenCalled());
    expect(written.mock.calls.length).toBeLessThanOrEqual(1000);
    expect(events.onClose.mock.calls[0]![0].message).toBe(
      "the server does not take the answers to its requests",
    );
  });

  it("over pipes goes on when it reads them", async () => {
    const { events, stop, written } = program(lines(900, (i) => JSON.stringify(ping(i))));
    await passes(() => expect(events.onClose).toHaveBeenCalled());
    expect(stop).not.toHaveBeenCalled();
    expect(written).toHaveBeenCalledTimes(900);
  });

  it("during a call gets a hundred questions to the client at a time (T318)", async () => {
    const sent: RpcMessage[] = [];
    const stream = { send: async (one: RpcMessage) => void sent.push(one), close: async () => undefined };
    const wire = new StreamWire(stream, { onNotification() {}, onClose() {} });
    onTestFinished(() => wire.end(new Error("the test is over")));
    const onRequest = vi.fn(() => new Promise<never>(() => undefined));
    wire.exchange("tools/call", {}, { timeout: 60_000, onRequest }).catch(() => undefined);
    for (let id = 0; id < 150; id++)
      wire.receive({ jsonrpc: "2.0", id, method: "sampling/createMessage", params: {} });
    await passes(() => expect(sent).toHaveLength(51));
    expect(onRequest).toHaveBeenCalledTimes(100);
    expect(sent.at(-1)).toMatchObject({ error: { message: "more than 100 requests at a time" } });
  });

  it("over HTTP gets a hundred answers at a time, each of which is a request (T318)", async () => {
    let answers = 0;
    const text = lines(2000, (i) => `data: ${JSON.stringify(ping(i))}\n`);
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 0,
      async fetch(request) {
        const message = (await request.json()) as { id: unknown; method?: string };
        if (message.method === undefined) {
          answers++;
          return new Promise<Response>(() => undefined);
        }
        const result = `data: ${JSON.stringify({ jsonrpc: "2.0", id: message.id, result: { is: "it" } })}\n\n`;
        const headers = { "content-type": "text/event-stream" };
        return new Response(`${text.toString()}\n${result}`, { headers });
      },
    });
    const outbound = createOutbound();
    const url = new URL(`http://127.0.0.1:${server.port}/mcp`);
    const wire = new HttpWire({ url, headers: {}, outbound }, { onNotification() {}, onClose() {} });
    onTestFinished(async () => {
      await wire.close();
      await outbound.close();
      await server.stop(true);
    });
    expect(await wire.exchange("tools/call", {}, { timeout: 60_000 })).toEqual({ is: "it" });
    await passes(() => expect(answers).toBe(100));
    expect(await wire.exchange("tools/call", {}, { timeout: 60_000 })).toEqual({ is: "it" });
    expect(answers).toBe(100);
  });
});
