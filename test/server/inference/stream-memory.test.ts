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

const messageFrames = [
  {
    type: "message_start",
    message: {
      id: "m",
      type: "message",
      role: "assistant",
      content: [],
      model: "m",
      usage: { input_tokens: 1 },
    },
  },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hello" } },
  { type: "content_block_stop", index: 0 },
  {
    type: "message_delta",
    delta: { stop_reason: "end_turn", stop_sequence: null },
    usage: { output_tokens: 1 },
  },
  { type: "message_stop" },
].map((data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`);

/** The streams of providers by the type of the llm. */
const frames = { openai: chatFrames(["Hel", "lo"], true), anthropic: messageFrames };
/** The frames after which the caller has got something. */
const opening = 3;

/** Starts a provider that keeps nothing of a request. It sends the first frames of each stream, and the rest when it is told to. */
function quietProvider(frames: readonly string[]): { url: string; finish(): void } {
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
        socket.write(streamHead + frames.slice(0, opening).map(chunk).join(""));
      },
      error() {},
    },
  });
  onTestFinished(() => provider.stop(true));
  return {
    url: `http://127.0.0.1:${provider.port}`,
    finish() {
      for (const socket of open) socket.write(frames.slice(opening).map(chunk).join("") + lastChunk);
    },
  };
}

/** Returns the bytes of the heap that are in use. */
function usedHeap(): number {
  Bun.gc(true);
  return heapStats().heapSize;
}

it.each([
  ["a stream", "openai", false],
  ["with --plain-listener a stream", "openai", true],
  ["a translated stream", "anthropic", false],
] as const)("%s holds nothing of its request, nor does its connection after it", async (_, type, isPlain) => {
  const server = await testServer({ connections: { isPlain } });
  const provider = quietProvider(frames[type]);
  const llm = { name: "gpt", type, model: "m", url: provider.url };
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
