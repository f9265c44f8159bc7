import { mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { discoverVerb } from "../../../src/agent/cmd/discover.ts";
import { readAgentConfig } from "../../../src/agent/config/watch.ts";
import { cli } from "../../support/cli/run-cli.ts";
import {
  closedPort,
  type LocalRuntime,
  lemonade,
  liteLlm,
  llamaCpp,
  lmStudio,
  ollama,
  plainOpenAi,
  vllm,
  webSite,
} from "../../support/local-runtimes.ts";
import { reply, upstream } from "../../support/upstream.ts";

const commands = { discover: { summary: "Find models", load: async () => discoverVerb } };

function discover(ports: readonly number[], home: string, ...flags: string[]) {
  const line = ["discover", ...ports.flatMap((port) => ["--port", String(port)]), ...flags];
  return cli(line, { home, commands, env: { HOME: home } });
}

const newHome = () => mkdtempSync(join(tmpdir(), "mcpctl-discover-"));
const portsOf = (...servers: LocalRuntime[]) => servers.map(({ port }) => port);

describe("mcpctl agent discover", () => {
  it("recognises servers by their responses, on any port", async () => {
    const all = [
      ollama("qwen3:8b", "llama3.2:latest"),
      lmStudio("qwen/qwen3-14b"),
      llamaCpp({}, "/models/Mistral-7B-Instruct.Q4_K_M.gguf"),
      vllm("Qwen/Qwen2.5-7B-Instruct"),
      lemonade("Qwen3-0.6B-GGUF"),
      liteLlm("gpt-4o"),
      plainOpenAi({}, "mistral-small"),
    ];
    const { code, stdout } = await discover(portsOf(...all), newHome(), "-o", "json");
    expect(code).toBe(0);
    const [ollamaUrl, studio, llama, vllmUrl, lemon, lite, plain] = all.map(({ url }) => url);
    const one = (name: string, type: string, model: string, url: string | undefined, runtime: string) => ({
      name,
      type,
      model,
      url,
      runtime,
      configured: false,
      added: false,
    });
    expect(JSON.parse(stdout)).toEqual([
      one("ollama-qwen3-8b", "ollama", "qwen3:8b", ollamaUrl, "Ollama"),
      one("ollama-llama3-2", "ollama", "llama3.2:latest", ollamaUrl, "Ollama"),
      one("lm-studio-qwen3-14b", "openai", "qwen/qwen3-14b", studio, "LM Studio"),
      one(
        "llama-cpp-mistral-7b-instruct-q4-k-m",
        "openai",
        "/models/Mistral-7B-Instruct.Q4_K_M.gguf",
        llama,
        "llama.cpp",
      ),
      one("vllm-qwen2-5-7b-instruct", "vllm", "Qwen/Qwen2.5-7B-Instruct", vllmUrl, "vLLM"),
      one("lemonade-qwen3-0-6b-gguf", "openai", "Qwen3-0.6B-GGUF", lemon, "Lemonade"),
      one("litellm-gpt-4o", "openai", "gpt-4o", lite, "LiteLLM"),
      one("local-mistral-small", "openai", "mistral-small", plain, "OpenAI-compatible"),
    ]);
    for (const { seen } of all) expect(seen.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  it("prints a table and the next step, and does not change the config", async () => {
    const server = ollama("qwen3:8b");
    const home = newHome();
    const { stdout, stderr } = await discover(portsOf(server), home);
    expect(stdout).toBe(
      `NAME              TYPE     MODEL      URL\nollama-qwen3-8b   ollama   qwen3:8b   ${server.url}\n`,
    );
    expect(stderr).toBe(
      `1 not in ${home}/config.json yet. To publish one: mcpctl agent publish NAME; to add all, unpublished: mcpctl agent discover --write\n`,
    );
    expect([...new Bun.Glob("*").scanSync(home)]).toEqual([]);
  });

  it("ignores other servers, and waits a second at most for one that is silent", async () => {
    const silent = upstream(() => {});
    const ports = [webSite().port, Number(new URL(silent.url).port), closedPort()];
    const { code, stdout, stderr } = await discover(ports, newHome());
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toBe(
      "Nothing found: searched for Ollama, LM Studio, llama.cpp, vLLM, Lemonade, LiteLLM and other servers with OpenAI's API on " +
        `127.0.0.1, ports ${ports.join(", ")}; --port searches another one.\n`,
    );
    expect(silent.seen).toHaveLength(1);
  });

  it("reports a server that has no models", async () => {
    const server = ollama();
    const { code, stdout, stderr } = await discover(portsOf(server), newHome());
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toBe(`Ollama at http://127.0.0.1:${server.port} has no models yet.\n`);
  });

  it("takes no list of another form for models of a server with OpenAI's API", async () => {
    const lists = [
      { data: [] },
      { data: [{ name: "no id" }] },
      { data: [{ id: 7 }] },
      { object: "list", data: {} },
      { data: [{ type: "model", id: "claude", display_name: "Claude" }], has_more: false },
      [{ id: "bare" }],
    ];
    const servers = lists.map((list) => upstream((_, connection) => connection.write(reply(200, list))));
    const { stdout } = await discover(
      servers.map(({ url }) => Number(new URL(url).port)),
      newHome(),
      ...["-o", "json"],
    );
    expect(JSON.parse(stdout)).toEqual([]);
  });

  it("says of a server that wants a key where to put it, and does not say that it has no models", async () => {
    const servers = [plainOpenAi({ key: true }, "m"), liteLlm("gpt-4o")];
    servers[1]!.health = 401;
    const home = newHome();
    const { code, stdout, stderr } = await discover(portsOf(...servers), home, "--write");
    expect([code, stdout]).toEqual([0, ""]);
    const rest = `wants an API key: add its model to ${home}/config.json by hand, with the key in a file of its own (apiKeyFile).\n`;
    expect(stderr).toBe(
      `the server with OpenAI's API at ${servers[0]!.url} ${rest}LiteLLM at ${servers[1]!.url} ${rest}`,
    );
  });

  it("adds new models, unpublished, to a private file, and keeps everything else in it", async () => {
    const server = ollama("qwen3:8b", "llama3.2:latest");
    const home = newHome();
    const path = join(home, "config.json");
    const mine = {
      name: "mine",
      type: "ollama",
      model: "llama3.2",
      url: `http://localhost:${server.port}`,
      publish: true,
    };
    const file = {
      contexts: { home: { server: "http://home:7777" } },
      llm: { providers: [mine] },
      agents: [{ name: "r", llm: "mine" }],
      later: { kept: [1, null] },
    };
    writeFileSync(path, JSON.stringify(file), { mode: 0o644 });
    const { code, stderr } = await discover(portsOf(server), home, "--write");
    expect([code, stderr]).toEqual([
      0,
      `1 added to ${path}, unpublished. To publish one: mcpctl agent publish NAME\n`,
    ]);
    const added = {
      name: "ollama-qwen3-8b",
      type: "ollama",
      model: "qwen3:8b",
      url: server.url,
      publish: false,
    };
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ ...file, llm: { providers: [mine, added] } });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const place = { file: path, home, userHome: home };
    expect(readAgentConfig(path, place).providers.map(({ publish }) => publish)).toEqual([true, false]);
  });

  it("adds models to a file that begins with a byte order mark", async () => {
    const server = ollama("qwen3:8b");
    const home = newHome();
    const path = join(home, "config.json");
    writeFileSync(path, '\ufeff{"later": 1}', { mode: 0o600 });
    expect((await discover(portsOf(server), home, "--write")).code).toBe(0);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ later: 1, llm: { providers: [{}] } });
  });

  it("adds nothing when it runs again", async () => {
    const server = lmStudio("qwen/qwen3-14b");
    const home = newHome();
    await discover(portsOf(server), home, "--write");
    const path = join(home, "config.json");
    const before = readFileSync(path, "utf8");
    const { stdout, stderr } = await discover(portsOf(server), home, "--write", "-o", "json");
    expect(JSON.parse(stdout)).toMatchObject([
      { name: "lm-studio-qwen3-14b", configured: true, added: false },
    ]);
    expect(stderr).toBe(`All that can be used is in ${path} already.\n`);
    expect(readFileSync(path, "utf8")).toBe(before);
  });

  it("gives each model a name of its own", async () => {
    const { stdout } = await discover(portsOf(vllm("a/m"), vllm("b/m")), newHome(), "-o", "json");
    expect(JSON.parse(stdout).map(({ name }: { name: string }) => name)).toEqual(["vllm-m", "vllm-m-2"]);
  });

  it("does not change a file with faults", async () => {
    const home = newHome();
    const path = join(home, "config.json");
    writeFileSync(path, '{"llm": {"providers": [{}]}}', { mode: 0o600 });
    const { code, stdout, stderr } = await discover(portsOf(vllm("m")), home, "--write");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(`${path}:1: llm.providers[0].name: is required`);
    expect(readFileSync(path, "utf8")).toBe('{"llm": {"providers": [{}]}}');
  });

  it("leaves out a model whose name would move a cursor, or cannot stand in the config (T42, T325)", async () => {
    const home = newHome();
    const names = ["ok:1", "bad\u001b[2J", "half\ud83d"];
    const { stdout } = await discover(portsOf(ollama(...names)), home, "--write", "-o", "json");
    expect((await discover(portsOf(ollama("ok:1")), home)).code).toBe(0);
    expect(JSON.parse(stdout).map(({ model }: { model: string }) => model)).toEqual(["ok:1"]);
  });

  it("refuses a --port that is not a port", async () => {
    const { code, stderr } = await discover([70_000], newHome());
    expect([code, stderr.split("\n")[0]]).toEqual([2, 'error: --port: "70000" is not a port']);
  });
});
