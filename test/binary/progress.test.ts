import { describe, expect, it, onTestFinished } from "vitest";
import { binary } from "../support/binary.ts";
import { consoleEnv } from "../support/console.ts";
import { openPty } from "../support/pty.ts";
import { must, testServer } from "../support/server.ts";
import { upstream } from "../support/upstream.ts";

/** A server with an llm whose provider answers when the test says so. */
async function setup() {
  const answer = Promise.withResolvers<void>();
  const { url } = upstream(async (_, connection) => {
    await answer.promise;
    const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
    const delta = { choices: [{ index: 0, delta: { role: "assistant", content: "it is done" } }] };
    const end = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
    const body = `${event(delta)}${event(end)}data: [DONE]\n\n`;
    connection.end(
      `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
  });
  const server = await testServer();
  const llm = { name: "slow", type: "openai", model: "m", url, visibility: "public" };
  await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
  const { bearer } = await server.token("all", [
    { role: "run", resource: "llms" },
    { role: "view", resource: "llms" },
  ]);
  return { server, answer: answer.resolve, env: consoleEnv(server.url, bearer) };
}

describe.each([80, 120, 200])("on a terminal of %i columns", (columns) => {
  it("chat-llm says what it waits for, and nothing of it is left behind the answer", async () => {
    const { answer, env } = await setup();
    const pty = openPty(columns);
    const program = pty.start([binary, "chat-llm", "slow", "hello"], env);
    expect((await pty.shows(/waiting for slow, \d+ s/))[0]).toMatch(/^waiting for slow, \d+ s$/);
    answer();
    const rows = (await pty.shows("it is done")).filter((row) => row.trim() !== "");
    expect(await program.ended).toBe(0);
    expect(rows[0]!.trimEnd()).toBe("it is done");
    expect(pty.screen().join("\n")).not.toContain("waiting");
  });
});

it("a verb whose server is slow says so, and leaves nothing of it in its output", async () => {
  const open = Promise.withResolvers<void>();
  const slow = Bun.serve({
    port: 0,
    idleTimeout: 0,
    async fetch() {
      await open.promise;
      return Response.json(
        { error: "llm not there", code: "not_found", requestId: "req_1" },
        { status: 404 },
      );
    },
  });
  onTestFinished(() => slow.stop(true));
  const pty = openPty(80);
  const program = pty.start([binary, "patch", "llm", "gpt", "tier=fast"], consoleEnv(slow.url.origin, "t"));
  await pty.shows(/^waiting for the server, \d+ s$/m);
  open.resolve();
  expect(await program.ended).toBe(3);
  await pty.shows(/^error: /m);
  expect(pty.screen().join("\n")).not.toContain("waiting");
});

it("wait says what it waits for, and Ctrl-C leaves a clean screen", async () => {
  const { env } = await setup();
  const pty = openPty(80);
  const program = pty.start([binary, "wait", "llm/slow", "--for=status=hibernating"], env);
  await pty.shows(/^waiting for llm\/slow, \d+ s$/m);
  pty.type("\u0003");
  expect(await program.ended).toBe(130);
  await pty.hides("waiting for");
});
