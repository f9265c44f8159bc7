import { heapStats } from "bun:jsc";
import type { Socket } from "bun";
import { expect, it, onTestFinished } from "vitest";
import { BareCaller } from "../../support/bare-caller.ts";
import { requestHead } from "../../support/raw-http.ts";
import { must, testServer } from "../../support/server.ts";
import { chatFrames, chunk, lastChunk, streamHead } from "../../support/upstream.ts";

const streams = 20;
const body = Buffer.from(
  JSON.stringify({ model: "gpt", stream: true, messages: [{ role: "user", content: "x".repeat(500_000) }] }),
);
const frames = chatFrames(["Hel", "lo"], true);

/** Starts a provider that keeps nothing of a request. It sends the first frame of each stream, and the rest when it is told to. */
function quietProvider(): { url: string; finish(): void } {
  const open = new Set<Socket<{ received: number }>>();
  const provider = Bun.listen<{ received: number }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { received: 0 };
      },
      data(socket, bytes) {
        const { data } = socket;
        data.received += bytes.length;
        if (data.received < body.length) return;
        data.received = Number.NEGATIVE_INFINITY;
        open.add(socket);
        socket.write(streamHead + chunk(frames[0]!));
      },
      error() {},
    },
  });
  onTestFinished(() => provider.stop(true));
  return {
    url: `http://127.0.0.1:${provider.port}`,
    finish() {
      for (const socket of open) socket.write(frames.slice(1).map(chunk).join("") + lastChunk);
    },
  };
}

/** Returns the bytes of the heap that are in use. */
function usedHeap(): number {
  Bun.gc(true);
  return heapStats().heapSize;
}

it.each([
  ["", false],
  [" with --plain-listener", true],
])("a stream holds nothing of its request, nor does its connection after it%s", async (_, isPlain) => {
  const server = await testServer({ connections: { isPlain } });
  const provider = quietProvider();
  const llm = { name: "gpt", type: "openai", model: "m", url: provider.url };
  await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
  const { bearer } = await server.token("t", [{ role: "run", resource: "llms" }]);
  const head = requestHead("POST", "/v1/chat/completions", {
    authorization: `Bearer ${bearer}`,
    "content-type": "application/json",
    "content-length": String(body.length),
  });
  const before = usedHeap();
  const callers = Array.from({ length: streams }, () => {
    const caller = new BareCaller(Number(new URL(server.url).port));
    caller.socket.write(head);
    caller.socket.write(body);
    return caller;
  });
  for (const caller of callers) await caller.met(() => caller.text.includes("data: "));
  // Half of the texts: one copy of each would be twice as much.
  expect(usedHeap() - before).toBeLessThan((streams * body.length) / 2);
  provider.finish();
  for (const caller of callers) await caller.met(() => caller.text.includes("[DONE]"));
  expect(usedHeap() - before).toBeLessThan((streams * body.length) / 2);
});
