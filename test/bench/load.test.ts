import { afterAll, beforeAll, expect, it } from "vitest";
import { chatRequest } from "../../bench/chat.ts";
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
  const request = chatRequest({ port, model: "bench-model" });
  for (const rate of [undefined, 200]) {
    const result = await processes.ask<LoadResult>("load.ts", { ...load, port, request, rate });
    expect(result.failures).toBe(0);
    expect(result.perSecond).toBeGreaterThan(0);
    expect(result.latency.p50).toBeLessThanOrEqual(result.latency.max);
  }
});

it("counts answers that are no success as failures", async () => {
  await using server = Bun.serve({ port: 0, fetch: () => new Response("no", { status: 503 }) });
  const port = server.port!;
  const request = chatRequest({ port, model: "bench-model" });
  const result = await processes.ask<LoadResult>("load.ts", { ...load, port, request });
  expect(result.failures).toBeGreaterThan(0);
});

it("sees each token of each stream, and which streams are not whole", async () => {
  const { port } = upstream;
  const request = chatRequest({ port, model: "bench-model", tokens: 3 });
  const job = { port, request, streams: 20, tokens: 3, stall: 10_000 };
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
