import { expect, it } from "vitest";
import { fakeApi, llms } from "./support/cli/fake-api.ts";
import { newHome } from "./support/cli/run-cli.ts";

const main = new URL("../src/main.ts", import.meta.url).pathname;

function spawn(argv: string[], server?: { url: string }) {
  const env = { ...process.env, MCPCTL_HOME: newHome(), MCPCTL_SERVER: server?.url ?? "" };
  return Bun.spawn([process.execPath, main, ...argv], {
    env,
    stdout: "pipe",
    stderr: "pipe",
    stdin: "ignore",
  });
}

function textOf(stream: ReadableStream): Promise<string> {
  return new Response(stream).text();
}

it("ends with the code of what happened, data on stdout and the rest on stderr", async () => {
  const version = spawn(["--version"]);
  expect(await version.exited).toBe(0);
  expect(await textOf(version.stdout)).toMatch(/^mcpctl \d/);
  const wrong = spawn(["gett"]);
  expect(await wrong.exited).toBe(2);
  expect(await textOf(wrong.stdout)).toBe("");
  expect(await textOf(wrong.stderr)).toContain('did you mean "get"');
});

it("ends with 130 on Ctrl-C, quietly", async () => {
  const body = `event: added\nid: 1\ndata: ${JSON.stringify(llms[0])}\n\nevent: synced\ndata: {}\n\n`;
  const server = fakeApi({
    "GET /api/v1/llms": () => new Response(new ReadableStream({ start: (stream) => stream.enqueue(body) })),
  });
  const watching = spawn(["get", "llms", "-w", "-o", "name"], server);
  const { value } = await watching.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("llm/claude\n");
  watching.kill("SIGINT");
  expect(await watching.exited).toBe(130);
  expect(await textOf(watching.stderr)).toBe("");
});

it("delivers all of a large output, and stops quietly when the reader leaves", async () => {
  const many = Array.from({ length: 20_000 }, (_, i) => ({ ...llms[0]!, name: `llm-${i}` }));
  const server = fakeApi({ "GET /api/v1/llms": many });
  const all = spawn(["get", "llms", "-o", "json"], server);
  expect(JSON.parse(await textOf(all.stdout))).toHaveLength(many.length);
  expect(await all.exited).toBe(0);

  const cut = spawn(["get", "llms", "-o", "json"], server);
  const reader = cut.stdout.getReader();
  await reader.read();
  await reader.cancel();
  expect(await cut.exited).toBe(0);
  expect(await textOf(cut.stderr)).toBe("");
});
