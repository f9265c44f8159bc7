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

/** Answers each request of a long task with its beginning, and never with its end. */
async function endless(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/SHA256SUMS")
    return new Response(`${"0".repeat(64)}  mcpctl-99.0.0-linux-${process.arch}.tar.gz\n`);
  const begin = pathname.endsWith("/migrate")
    ? `{"total":3}\n{"result":"migrated","name":"${"a".repeat(60)}"}\n`
    : "x";
  return new Response(
    new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(begin)),
    }),
  );
}

describe("Ctrl-C on a terminal of 40 columns", () => {
  it.each([
    ["migrate secrets --from a --to b", "migrating 2 of 3"],
    ["restore - < /etc/hostname", "sending: "],
    ["upgrade", "downloading mcpctl-"],
  ])("ends mcpctl %s, and leaves its results and no progress", async (line, progress) => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: endless });
    onTestFinished(() => server.stop(true));
    const pty = openPty(40);
    const before = await pty.modes();
    const program = pty.start(["sh", "-c", `exec ${binary} ${line}`], {
      ...consoleEnv(server.url.origin, "t"),
      MCPCTL_UPDATE_URL: server.url.origin,
    });
    await pty.shows(progress);
    pty.type("\u0003");
    expect(await program.ended).toBe(130);
    const shown = (await pty.hides(progress)).join("");
    if (line.startsWith("migrate")) expect(shown).toContain(`${"a".repeat(60)}' migrated`);
    expect(await pty.modes()).toEqual(before);
  });
});
