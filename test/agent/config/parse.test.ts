import { chmodSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { configPlace, faultLine, parseAgentConfig } from "../../../src/agent/config/parse.ts";
import { readAgentConfig } from "../../../src/agent/config/watch.ts";
import { httpTypes } from "../../../src/kinds/provider-types.ts";

const place = { file: "~/.mcpctl/config.json", home: "/home/alice/.mcpctl", userHome: "/home/alice" };

/** Returns the config, or its faults as lines. */
function read(value: unknown) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const parsed = parseAgentConfig(text, place);
  return "config" in parsed ? parsed.config : parsed.faults.map(faultLine);
}

/** Returns the faults of one provider, without file and line. */
function faultsOf(provider: object): string[] {
  const found = read({ llm: { providers: [{ name: "p", type: "vllm", model: "m", ...provider }] } });
  return Array.isArray(found)
    ? found.map((line) => line.replace(/^\S+:\d+: llm\.providers\[0\]\.?/, ""))
    : [];
}

it("names each text with a NUL, which would stand in the error of a start, and never repeats it (T325)", () => {
  const value = "secret\0value";
  const wake = { type: "command", command: "/bin/wake", args: ["--key", value] };
  const lines = read({
    llm: {
      providers: [
        { name: "p", type: "vllm-managed", model: value, extraArgs: [value] },
        { name: "w", type: "vllm", model: "m", wake },
      ],
    },
    agents: [{ name: "a", llm: "p", systemPrompt: value }],
    mcpServers: [
      { name: "c", command: ["/bin/sh", value], args: [value], env: { KEY: value }, readable: [`/${value}`] },
      { name: "i", image: value },
      { name: "u", url: "http://127.0.0.1:1/", headers: { "x-key": value } },
    ],
  }) as string[];
  expect(lines.map((line) => /: (\S+): must not have U\+0000 \(NUL\)/.exec(line)?.[1])).toEqual([
    ...["llm.providers[0].model", "llm.providers[0].extraArgs[0]", "llm.providers[1].wake.args[1]"],
    "agents[0].systemPrompt",
    ...["mcpServers[0].command[1]", "mcpServers[0].args[0]", "mcpServers[0].env.KEY"],
    ...["mcpServers[0].readable[0]", "mcpServers[1].image", "mcpServers[2].headers.x-key"],
  ]);
  expect(lines.join()).not.toContain("secret");
});

describe("the config of an agent", () => {
  it("is empty when there is no file, and when the file has no part for the agent", () => {
    expect(parseAgentConfig(undefined, place)).toEqual({
      config: { providers: [], agents: [], mcpServers: [] },
    });
    const others = { contexts: { home: { server: "http://home:7777" } }, currentContext: "home", later: [1] };
    expect(read(others)).toEqual({ providers: [], agents: [], mcpServers: [] });
  });

  it("is read with defaults, from an example with a published model and a persona", () => {
    const wake = { type: "http", url: "http://127.0.0.1:9/start?m=1", headers: { "X-Key": "v" }, body: "{}" };
    const qwen = {
      name: "vllm-local",
      type: "openai",
      model: "Qwen/Qwen2.5-7B-Instruct",
      url: "http://127.0.0.1:8000/v1/",
      tier: "fast",
      publish: true,
      publishName: "vllm-local-alice",
      poolName: "qwen",
      visibility: "private",
      failoverFor: "claude",
      wake,
    };
    const persona = { name: "reviewer", llm: "vllm-local", systemPrompt: "…", publish: true };
    expect(read({ llm: { providers: [qwen] }, agents: [persona] })).toEqual({
      providers: [
        {
          ...qwen,
          url: "http://127.0.0.1:8000",
          wake: { ...wake, method: "POST", headers: { "x-key": "v" }, maxWaitSeconds: 60 },
        },
      ],
      agents: [persona],
      mcpServers: [],
    });
  });

  it("does not publish by default, and has default URLs of local servers", () => {
    const providers = [
      { name: "a", type: "ollama", model: "qwen3" },
      { name: "b", type: "vllm", model: "m", apiKeyFile: "keys/b" },
      { name: "c", type: "anthropic", model: "claude", apiKeyFile: "~/c.key" },
      { name: "d", type: "vllm", model: "m", wake: { type: "command", command: "./wake.sh" } },
      { name: "e", type: "vllm-managed", model: "Qwen/Qwen3-8B", venvPath: "~/vllm" },
    ];
    const config = read({ llm: { providers }, agents: [{ name: "r", llm: "claude" }] });
    expect(config).toMatchObject({
      providers: [
        { publish: false, url: "http://127.0.0.1:11434" },
        { publish: false, url: "http://127.0.0.1:8000", apiKeyFile: "/home/alice/.mcpctl/keys/b" },
        { url: "https://api.anthropic.com", apiKeyFile: "/home/alice/c.key" },
        { wake: { command: "/home/alice/.mcpctl/wake.sh", args: [], maxWaitSeconds: 60 } },
        { managed: { extraArgs: [], warmupSeconds: 600, warmup: false, venvPath: "/home/alice/vllm" } },
      ],
      agents: [{ publish: false }],
    });
    expect(JSON.stringify(config)).not.toContain('"url":"undefined');
  });

  it("has faults with file, line and field, and the nearest name for an unknown field (T09)", () => {
    const text = `{
  "llm": {
    "providers": [
      { "name": "a", "type": "vllm", "model": "m" },
      {
        "name": "b", "type": "vllm", "model": "m",
        "poolname": "x",
        "wake": {
          "type": "command", "command": "true",
          "maxWaitSeconds": 0
        }
      }
    ]
  },
  "agents": [
    { "name": "r", "llm": "a", "sytemPrompt": "" }
  ]
}`;
    expect(read(text)).toEqual([
      '~/.mcpctl/config.json:7: llm.providers[1].poolname: unknown field; did you mean "poolName"?',
      "~/.mcpctl/config.json:10: llm.providers[1].wake.maxWaitSeconds: must be a number from 1 to 3600",
      '~/.mcpctl/config.json:16: agents[0].sytemPrompt: unknown field; did you mean "systemPrompt"?',
    ]);
  });

  it.each([
    [{ type: "vlm" }, `type: must be one of ${httpTypes.join(", ")}, vllm-managed; did you mean "vllm"?`],
    [{ type: "gemini-cli" }, `type: must be one of ${httpTypes.join(", ")}, vllm-managed`],
    [{ name: "Big One" }, "name: must be a name: lower-case letters, digits and dashes, 100 at most"],
    [{ model: "" }, "model: must not be empty"],
    [{ url: "ftp://x" }, "url: must begin with http:// or https://"],
    [{ url: "http://169.254.169.254" }, "url: points at a link-local or metadata address"],
    [{ tier: "slow" }, 'tier: must be "fast" or "heavy"'],
    [{ port: 8000 }, "port: not for this type: only vllm-managed has it"],
    [{ type: "vllm-managed", url: "http://x" }, "url: not for this type: vllm-managed does not have it"],
    [{ type: "vllm-managed", port: 1.5 }, "port: must be a whole number from 1 to 65535"],
    [
      { type: "vllm-managed", model: "--x" },
      'model: must not begin with "-": vLLM would take it for an option',
    ],
    [
      { type: "vllm-managed", command: "v", venvPath: "w" },
      "command: cannot be given together with venvPath",
    ],
    [{ wake: { type: "ssh" } }, 'wake.type: must be "http" or "command"'],
    [{ wake: { type: "http", url: "file:///etc/passwd" } }, "wake.url: must be an http or https URL"],
    [
      { wake: { type: "http", url: "http://a", headers: { "a b": "" } } },
      "wake.headers.a b: is not a header that can be set",
    ],
    [{ wake: { type: "command", command: "x", arguments: [] } }, "wake.arguments: unknown field"],
    [{ wake: { type: "command" } }, "wake.command: is required"],
  ])("may not contain the provider %j", (provider, fault) => {
    expect(faultsOf(provider)).toEqual([fault]);
  });

  it("may not contain arguments of vLLM for host and port", () => {
    const [fault, ...more] = faultsOf({
      type: "vllm-managed",
      extraArgs: ["--max-model-len=4096", "--host=0.0.0.0"],
    });
    expect(fault).toMatch(/^extraArgs\[1\]: --host can be set by the agent only/);
    expect(more).toEqual([]);
  });

  it("may not contain a name, or a published name, twice", () => {
    const provider = (name: string, more = {}) => ({ name, type: "ollama", model: "m", ...more });
    expect(read({ llm: { providers: [provider("a"), provider("a")] } })).toEqual([
      '~/.mcpctl/config.json:10: llm.providers[1].name: "a" is the name of llm.providers[0] too',
    ]);
    const published = [
      provider("a", { publish: true }),
      provider("b", { publish: true, publishName: "a" }),
      provider("c", { publishName: "a" }),
    ];
    expect(read({ llm: { providers: published } })).toEqual([
      '~/.mcpctl/config.json:15: llm.providers[1].publishName: "a" is the published name of llm.providers[0] too',
    ]);
  });

  it.each([
    ["a comment", '{\n  "llm": {}, // mine\n  "agents": []\n}', 2],
    ["a comma too many", '{\n  "agents": [],\n  "llm": {},\n}', 3],
    ["single quotes", "{\n\n'llm': {}}", 3],
    ["no end", '{\n  "llm": {', 2],
    ["YAML", "llm:\n  providers: []\n", 1],
  ])("names the line that is not JSON: %s", (_, text, line) => {
    expect(read(text)).toEqual([`~/.mcpctl/config.json:${line}: it is not JSON`]);
  });

  it("may not contain a key twice, because one of the values would be lost", () => {
    expect(read('{"agents": [],\n"agents": []}')).toEqual([
      "~/.mcpctl/config.json:2: this key is given twice",
    ]);
  });
});

describe("the file of the config", () => {
  const newHome = () => mkdtempSync(join(tmpdir(), "mcpctl-config-"));
  const written = (mode: number) => {
    const home = newHome();
    writeFileSync(join(home, "config.json"), "{}");
    chmodSync(join(home, "config.json"), mode);
    return home;
  };
  const readIn = (home: string) =>
    readAgentConfig(join(home, "config.json"), configPlace(home, "/home/alice"));

  it("is refused when others can write to it or to its folder, and when it is a link, because it names commands to run (T85)", () => {
    expect(() => readIn(written(0o622))).toThrow("others can write to it");
    const open = written(0o600);
    chmodSync(open, 0o777);
    expect(() => readIn(open)).toThrow("others can write to its folder");
    const linking = newHome();
    symlinkSync(join(written(0o600), "config.json"), join(linking, "config.json"));
    expect(() => readIn(linking)).toThrow("it is a symbolic link");
    expect(readIn(written(0o644))).toEqual({ providers: [], agents: [], mcpServers: [] });
  });

  it("is named in faults as the user writes it", () => {
    expect(configPlace("/home/alice/.mcpctl", "/home/alice")).toEqual(place);
    expect(configPlace("/srv/agent", "/home/alice").file).toBe("/srv/agent/config.json");
  });
});
