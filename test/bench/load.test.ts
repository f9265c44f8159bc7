import { afterAll, beforeAll, expect, it } from "vitest";
import { chatRequests } from "../../bench/chat.ts";
import type { LoadResult } from "../../bench/load.ts";
import { freePort, Processes, type Started } from "../../bench/processes.ts";
import type { StreamResult } from "../../bench/stream-load.ts";

const processes = new Processes();
let upstream: Started;

beforeAll(async () => {
  const port = freePort();
  const program = `${import.meta.dirname}/../../bench/upstream.ts`;
  upstream = await processes.startServer(
    "upstream",
    [process.execPath, program, JSON.stringify({ port })],
    port,
  );
});

afterAll(() => processes.killAll());

const load = { connections: 4, warmUp: 20, duration: 300 };

it("drives the upstream in a closed loop and at a rate", async () => {
  const { port } = upstream;
  const requests = chatRequests({ port, model: "bench-model" });
  for (const rate of [undefined, 200]) {
    const result = await processes.ask<LoadResult>("load.ts", { ...load, port, requests, rate });
    expect(result.failures).toBe(0);
    expect(result.perSecond).toBeGreaterThan(0);
    expect(result.latency.p50).toBeLessThanOrEqual(result.latency.max);
  }
});

it("counts answers that are no success as failures", async () => {
  await using server = Bun.serve({ port: 0, fetch: () => new Response("no", { status: 503 }) });
  const port = server.port!;
  const requests = chatRequests({ port, model: "bench-model" });
  const result = await processes.ask<LoadResult>("load.ts", { ...load, port, requests });
  expect(result.failures).toBeGreaterThan(0);
});

it("sees each token of each stream, and which streams are not whole", async () => {
  const { port } = upstream;
  const requests = chatRequests({ port, model: "bench-model", tokens: 3 });
  const job = { port, requests, streams: 20, tokens: 3, stall: 10_000 };
  const whole = await processes.ask<StreamResult>("stream-load.ts", job);
  expect(whole).toMatchObject({ tokens: 60, broken: 0, stalls: 0 });

  // One that closes after half of its frames.
  const cut = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n");
      },
    },
  });
  const broken = await processes.ask<StreamResult>("stream-load.ts", { ...job, port: cut.port, streams: 2 });
  cut.stop(true);
  expect(broken).toMatchObject({ broken: 2, tokens: 0 });
});

it("opens streams one after another, and times the first tokens of those behind the warm-up", async () => {
  const { port } = upstream;
  const requests = chatRequests({ port, model: "bench-model", tokens: 2 });
  const job = { port, requests, streams: 10, tokens: 2, stall: 10_000, every: 20 };
  const all = await processes.ask<StreamResult>("stream-load.ts", job);
  // The last is opened after nine times 20 ms.
  expect(all.allStarted).toBeGreaterThanOrEqual(175);
  expect(all).toMatchObject({ tokens: 20, broken: 0 });
  expect(all.gap.p50).toBeGreaterThan(0);
  const none = await processes.ask<StreamResult>("stream-load.ts", { ...job, warmUp: 10 });
  expect(none).toMatchObject({ tokens: 20, broken: 0 });
  expect(none.firstToken.p50).toBeNaN();
});

it("has an upstream that streams Messages where that is what its path says", async () => {
  const response = await fetch(`http://127.0.0.1:${upstream.port}/v1/messages`, {
    method: "POST",
    body: JSON.stringify({ model: "bench-model", stream: true, max_tokens: 3, messages: [] }),
  });
  const events = (await response.text()).match(/(?<=^event: ).+/gm);
  expect(events).toEqual([
    "message_start",
    "content_block_start",
    "ping",
    ...Array(3).fill("content_block_delta"),
    "content_block_stop",
    "message_delta",
    "message_stop",
  ]);
});
