import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openControl } from "../../../src/agent/control.ts";
import { eventually } from "../../support/agent/fake-clock.ts";
import { memoryLog } from "../../support/agent/memory-log.ts";
import { cli } from "../../support/cli/run-cli.ts";
import { ollama, plainOpenAi } from "../../support/local-runtimes.ts";
import { testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** A config as a person has written it: with tabs, a list on one line, and fields of later versions. */
const written = `{
\t"contexts": {"home": {"server": "http://home:7777"}},
\t"llm": {
\t\t"providers": [
\t\t\t{"name": "qwen", "type": "ollama", "model": "qwen3:8b"},
\t\t\t{
\t\t\t\t"name": "notes",
\t\t\t\t"type": "openai", "model": "m",   "url": "http://127.0.0.1:8000",
\t\t\t\t"publish": true
\t\t\t}
\t\t]
\t},
\t"agents": [ {"name": "reviewer", "llm": "qwen"} ],
\t"mcpServers": [ {"name": "notes", "command": "notes"} ]
}
`;

function homeWith(text: string | undefined) {
  const home = join(temporaryFolder(), "h");
  mkdirSync(home, { mode: 0o700 });
  const path = join(home, "config.json");
  if (text !== undefined) writeFileSync(path, text, { mode: 0o600 });
  const run = (line: string) => cli(`agent ${line}`, { home, env: { HOME: home } });
  return { home, path, run, text: () => readFileSync(path, "utf8") };
}

/** An agent's socket that reports a status, and no agent behind it. */
async function agentSays(home: string, status: object) {
  const control = await openControl({
    path: join(home, "agent.sock"),
    providers: { all: [], named: () => undefined },
    status: () => ({ server: "http://home:7777", transport: "websocket", ...status }),
    log: memoryLog(),
    fetch,
  });
  onTestFinished(() => control.close());
}

describe("mcpctl agent publish", () => {
  it("changes publish of one entry and no other byte, and says what to do without an agent", async () => {
    const { path, run, text } = homeWith(written);
    expect(await run("publish qwen")).toMatchObject({
      code: 0,
      stdout: `llm 'qwen' to be published by ${path}\n`,
      stderr: "No agent runs on this machine. To publish it: mcpctl agent, or mcpctl agent install\n",
    });
    const published = written.replace('"model": "qwen3:8b"}', '"model": "qwen3:8b", "publish": true}');
    expect(text()).toBe(published);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await run("unpublish llm/notes")).stdout).toBe(`llm 'notes' no longer published by ${path}\n`);
    expect(text()).toBe(published.replace('"publish": true\n', '"publish": false\n'));
  });

  it("finds an entry by its model, and takes personas, MCP servers and another name", async () => {
    const { run, text } = homeWith(written);
    await run("publish qwen3:8b --as qwen-alice");
    await run("publish reviewer server/notes");
    expect(JSON.parse(text())).toMatchObject({
      llm: { providers: [{ name: "qwen", publish: true, publishName: "qwen-alice" }, { publish: true }] },
      agents: [{ name: "reviewer", publish: true }],
      mcpServers: [{ name: "notes", publish: true }],
    });
  });

  it("adds a model that is found on this machine, published, and starts a file where there is none", async () => {
    const [desk, plain] = [ollama("qwen3:8b"), plainOpenAi({}, "mistral")];
    const { home, path, run, text } = homeWith(undefined);
    const { code } = await run(`publish ollama-qwen3-8b mistral --port ${desk.port} --port ${plain.port}`);
    expect(code).toBe(0);
    const entry = (name: string, type: string, model: string, url: string) => ({
      ...{ name, type, model, url },
      publish: true,
    });
    expect(JSON.parse(text())).toEqual({
      llm: {
        providers: [
          entry("ollama-qwen3-8b", "ollama", "qwen3:8b", desk.url),
          entry("local-mistral", "openai", "mistral", plain.url),
        ],
      },
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(existsSync(join(home, "agent.sock"))).toBe(false);
  });

  it.each([
    ["publish nobody --port 1", 3, 'nothing on this machine is called "nobody"'],
    ["publish qwem --port 1", 3, 'did you mean "qwen"?'],
    ["unpublish reviewr", 3, 'did you mean "reviewer"?'],
    ["publish notes", 2, '"notes" can be llm/notes, server/notes'],
    ["publish qwen --as Qwen!", 2, '--as: "Qwen!" is not a name'],
    ["publish qwen reviewer --as x", 2, "--as goes with one NAME"],
    ["publish reviewer --as x", 2, "--as is not possible for a persona"],
    ["publish qwen --port 0", 2, '--port: "0" is not a port'],
    ["publish", 2, ""],
  ])("%s changes nothing", async (line, code, message) => {
    const { run, text } = homeWith(written);
    const result = await run(line);
    expect([result.code, result.stdout]).toEqual([code, ""]);
    expect(result.stderr).toContain(message);
    expect(text()).toBe(written);
  });

  it("changes no file with faults, none that others can write to, and adds no unusable MCP server", async () => {
    const faulty = homeWith('{"llm": {"providers": [{"name": "qwen"}]}}');
    expect((await faulty.run("publish qwen")).stderr).toContain("llm.providers[0].type: is required");
    const open = homeWith(written);
    chmodSync(open.path, 0o666);
    expect((await open.run("publish qwen")).stderr).toContain("others can write to it");
    expect(open.text()).toBe(written);
    const { home, path, run } = homeWith(undefined);
    mkdirSync(join(home, ".cursor"));
    const servers = { mail: { command: "mail", env: { KEY: `\${input:key}` } } };
    writeFileSync(join(home, ".cursor/mcp.json"), JSON.stringify({ mcpServers: servers }));
    expect((await run("publish mail --port 1")).stderr).toContain(
      'MCP server "mail" cannot be published: it has variables',
    );
    expect(existsSync(path)).toBe(false);
  });

  it("says so when the server refuses an entry, with its reason, and exits with 1", async () => {
    const { home, run } = homeWith(written);
    await agentSays(home, { refused: { "providers/qwen": "the name is taken" } });
    const { code, stdout, stderr } = await run("publish qwen");
    expect([code, stderr]).toEqual([1, "error: the server refuses it: the name is taken\n"]);
    expect(stdout).not.toContain("published to");
    expect((await run("publish qwen -o json")).stdout).toContain('"state": "refused"');
  });
});

/** Publishes and withdraws with a running agent and its server. */
it("takes effect in a running agent, and mcpctl provider does not call published what is refused", async () => {
  const server = await testServer();
  const alice = await server.user("alice", [{ role: "expose", resource: "llms" }]);
  await server.admin("POST", "/api/v1/llms", { name: "taken", type: "openai", model: "x" });
  const desk = ollama("qwen3:8b", "llama3.2");
  const { home, run } = homeWith("{}");
  const env = { PATH: process.env["PATH"], HOME: home, MCPCTL_HOME: home, MCPCTL_TOKEN: alice.bearer };
  const main = join(import.meta.dirname, "../../../src/main.ts");
  const words = ["agent", "--server", server.url, "--listen", "none"];
  const child = Bun.spawn([process.execPath, main, ...words], { env, stdout: "ignore", stderr: "ignore" });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  await eventually(() => existsSync(join(home, "agent.sock")), "the agent's socket");
  expect(await run(`publish qwen3:8b --port ${desk.port}`)).toMatchObject({
    code: 0,
    stdout: `llm 'ollama-qwen3-8b' published to ${server.url}\n`,
    stderr: "To show it: mcpctl get llm ollama-qwen3-8b\n",
  });
  expect((await alice.call("GET", "/api/v1/llms/ollama-qwen3-8b")).body).toMatchObject({
    origin: "virtual",
    visibility: "private",
  });
  const refused = await run(`publish llama3.2 --as taken --port ${desk.port}`);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("the server refuses it: ") });
  const { stdout: table } = await cli("provider", { home });
  expect(table).toMatch(/^ollama-llama3-2 .* - +not published: /m);
  expect(table).toMatch(/^ollama-qwen3-8b .* ollama-qwen3-8b +-$/m);
  expect((await run("unpublish ollama-qwen3-8b")).stdout).toBe(
    `llm 'ollama-qwen3-8b' withdrawn from ${server.url}\n`,
  );
  expect((await alice.call("GET", "/api/v1/llms/ollama-qwen3-8b")).status).toBe(404);
});
