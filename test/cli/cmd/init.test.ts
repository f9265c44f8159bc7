import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { initVerb } from "../../../src/cli/cmd/init.ts";
import { commands } from "../../../src/commands.ts";
import { expectGolden } from "../../support/cli/golden.ts";
import { type CliOptions, cli } from "../../support/cli/run-cli.ts";
import { testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { goodProvider, reply, upstream } from "../../support/upstream.ts";

const key = "sk-right-0123456789";

/** A server without llms, a provider that accepts one key, and the administrator's command line over the Unix socket. */
async function open() {
  const server = await testServer();
  const provider = upstream((asked, connection) => {
    const sent = asked.headers["authorization"];
    if (sent !== undefined && sent !== `Bearer ${key}`)
      return connection.write(
        reply(401, { error: { message: "Incorrect API key", code: "invalid_api_key" } }),
      );
    return goodProvider(asked, connection);
  });
  const home = temporaryFolder();
  const found = ["qwen3:8b", "llama4"].map((model) => ({
    type: "ollama",
    model,
    url: provider.url,
    runtime: "Ollama",
  }));
  const run = (line: string, options: CliOptions = {}, models = found) => {
    const init = { summary: "", load: async () => initVerb(async () => models) };
    return cli(`init ${line}`, {
      server: { url: `unix://${server.socketPath}` },
      home: join(home, ".mcpctl"),
      env: { HOME: home, PATH: "" },
      commands: { ...commands, init },
      ...options,
    });
  };
  const names = async (plural: string) =>
    (await server.admin("GET", `/api/v1/${plural}`)).body.map(
      ({ name }: { name: string }) => name,
    ) as string[];
  const openai = `--type openai --model gpt-5.6-luna --provider-url ${provider.url}`;
  return { server, provider, home, run, names, openai };
}

describe("mcpctl init off a terminal", () => {
  it("stores the key, makes the llm, calls it, and sets the program up; run again, it changes nothing", async () => {
    const { server, provider, home, run, names, openai } = await open();
    const first = await run(`${openai} --key-stdin --client claude`, { stdin: `${key}\n` });
    expect({ code: first.code, stdout: first.stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^secret 'openai' created\nllm 'gpt-5-6-luna' created\n.*settings\.json created/,
      ),
    });
    expect(provider.seen.at(-1)!.headers["authorization"]).toBe(`Bearer ${key}`);
    expect(first.stdout + first.stderr).not.toContain(key);
    const settings = JSON.parse(readFileSync(join(home, ".claude/settings.json"), "utf8"));
    expect(settings).toMatchObject({ model: "gpt-5-6-luna", env: { ANTHROPIC_BASE_URL: server.url } });
    const before = [await names("secrets"), await names("llms"), await names("tokens")];
    const second = await run(`${openai} --key-stdin --client claude`, { stdin: key });
    expect(second.stdout).toBe(
      `llm 'gpt-5-6-luna' is there already\n${join(home, ".claude/settings.json")} unchanged\n`,
    );
    expect([await names("secrets"), await names("llms"), await names("tokens")]).toEqual(before);
  });

  it("leaves nothing behind where the key is wrong (failure mode 211)", async () => {
    const { home, run, names, openai } = await open();
    const { code, stderr } = await run(`${openai} --key-stdin --client claude`, {
      stdin: "sk-wrong-0123456789",
    });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/^error: gpt-5-6-luna cannot be called: /m);
    expect(stderr).not.toContain("sk-wrong");
    expect([await names("secrets"), await names("llms"), await names("tokens")]).toEqual([[], [], []]);
    expect(existsSync(join(home, ".claude"))).toBe(false);
  });

  it("uses a model of this machine without a key, and prints the line for curl", async () => {
    const { run, names, provider } = await open();
    const { code, stdout } = await run("--type ollama --model qwen3:8b");
    expect(code).toBe(0);
    expect(stdout).toContain("llm 'qwen3-8b' created\n");
    expect(stdout).toMatch(/^curl -sS -K /m);
    expect(await names("secrets")).toEqual([]);
    expect(provider.seen.at(-1)!.body.model).toBe("qwen3:8b");
  });

  it.each([
    [
      "no type",
      "",
      2,
      "found on this machine: --type ollama --model qwen3:8b, or --type ollama --model llama4",
    ],
    ["a type that there is not", "--type openia --model m", 2, 'did you mean "openai"?'],
    ["no key", "--type anthropic --model m", 2, "give it on standard input, with --key-stdin"],
    ["an empty key", "--type anthropic --model m --key-stdin", 2, "no key was given"],
    ["a type without an address", "--type vllm --model m", 2, "--provider-url is missing"],
    [
      "a program that it does not know",
      "--type ollama --model qwen3:8b --client vi",
      2,
      "choose one of claude, codex",
    ],
    ["a name that is none", "--type ollama --model qwen3:8b --name Bad_Name", 2, "--name NAME"],
  ])("refuses %s, and makes nothing", async (_, line, code, words) => {
    const { run, names } = await open();
    const answer = await run(line, { stdin: "" });
    expect(answer.code).toBe(code);
    expect(answer.stderr).toContain(words);
    expect([await names("secrets"), await names("llms"), await names("tokens")]).toEqual([[], [], []]);
  });

  it("refuses a name that another model has", async () => {
    const { run, names } = await open();
    await run("--type ollama --model qwen3:8b --name one --client none");
    const { code, stderr } = await run("--type ollama --model llama4 --name one --client none");
    expect(code).toBe(1);
    expect(stderr).toContain("choose another name: --name NAME");
    expect(await names("llms")).toEqual(["one"]);
  });

  it("says how to start a server where there is none", async () => {
    const { code, stderr } = await cli("init", { env: { MCPCTL_SERVER: "http://127.0.0.1:1" }, answers: [] });
    expect(code).toBe(1);
    expect(stderr).toContain('start the server with "mcpctl server"');
  });
});

describe("mcpctl init on a terminal", () => {
  it("asks for provider, key, model and program, and for the key again when it is refused", async () => {
    const { provider, home, run, names } = await open();
    const answers = ["openai", "gpt", "sk-wrong-0123456789", key, "claude"];
    const line = `--provider-url ${provider.url}`;
    const { code, stdout, stderr, prompts } = await run(line, { answers });
    expect(code).toBe(0);
    expect(prompts).toEqual([
      "Number or name [1]: ",
      "Model of openai [gpt-5.6-luna]: ",
      "API key of openai: (hidden)",
      "API key of openai: (hidden)",
      expect.stringMatching(/^Number or name \[\d+\]: $/),
    ]);
    expect(stdout + stderr).not.toContain("sk-");
    expect([await names("secrets"), await names("llms")]).toEqual([["openai"], ["gpt"]]);
    expect(existsSync(join(home, ".claude/settings.json"))).toBe(true);
    const shown = stderr
      .replaceAll(/in \/\S+|the old file is \S+/g, "in …")
      .replaceAll(provider.url, "http://127.0.0.1:11434")
      .replaceAll(/answered in \S+ m?s/g, "answered in …")
      .replaceAll(/-[0-9a-f]{6}'/g, "-…'");
    expectGolden("init.txt", shown);
  });

  it("offers what runs on this machine first, and the key that is stored already", async () => {
    const { provider, run, names } = await open();
    const first = await run("--client none", { answers: ["", ""] });
    expect(first.stdout).toBe("llm 'qwen3-8b' created\n");
    expect(first.prompts).toHaveLength(2);
    const url = `--provider-url ${provider.url}`;
    await run(`--type openai --model a --client none ${url}`, { answers: [key] });
    const third = await run(`--type openai --model b --client none ${url}`, { answers: ["y"] });
    expect(third.prompts).toEqual(["Use the key in secret 'openai'? [Y/n] "]);
    expect(await names("secrets")).toEqual(["openai"]);
    const fourth = await run(`--type openai --model c --client none ${url}`, { answers: ["n", key] });
    expect(fourth.code).toBe(0);
    expect(await names("secrets")).toEqual(["openai", "openai-2"]);
  });
});
