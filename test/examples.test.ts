import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { configPlace, parseAgentConfig } from "../src/agent/config/parse.ts";
import { parseManifests } from "../src/cli/manifest/read.ts";
import { cli } from "./support/cli/run-cli.ts";
import { keyFileIn } from "./support/sealing.ts";
import { testServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { goodProvider, upstream } from "./support/upstream.ts";

const examples = join(import.meta.dirname, "../examples");
const read = (path: string) => readFileSync(join(examples, path), "utf8");
const files = readdirSync(examples, { recursive: true, encoding: "utf8" }).filter((path) =>
  /\.\w+$|file$/.test(path),
);
const manifests = files.filter((path) => path.startsWith("manifests/"));

it("every example is named in the README of its folder", () => {
  const [readme, rest] = [read("README.md"), files.filter((path) => path !== "README.md")];
  expect(rest.length).toBeGreaterThan(8);
  for (const path of rest) expect(readme).toContain(`](${path})`);
});

describe.each(manifests)("examples/%s", (path) => {
  it("is valid", () => {
    expect(parseManifests(read(path), path).length).toBeGreaterThan(0);
  });

  it("is applied as it stands, and then changes nothing", async () => {
    const provider = upstream(goodProvider);
    const server = await testServer({ keyFile: keyFileIn(temporaryFolder()) });
    // The providers in the examples are not there: one on this machine stands for each of them.
    const text = read(path)
      .replace(/^url: .*$/gm, "")
      .replace(/^type: (openai|anthropic|vllm|ollama)$/gm, `$&\nurl: ${provider.url}`);
    const apply = (...flags: string[]) =>
      cli(["apply", "-f", "-", ...flags], { server: { url: `unix://${server.socketPath}` }, stdin: text });
    const names = parseManifests(text, path).map(({ kind, name }) => `${kind.kind} '${name}'`);
    const lines = (outcome: { stdout: string }) =>
      outcome.stdout.split("\n").filter((line) => / (?:created|unchanged|configured)/.test(line));

    const dry = await apply("--dry-run");
    expect([dry.code, dry.stderr]).toEqual([0, ""]);
    // One that needs another one of the same file cannot be checked to the end.
    const planned = lines(dry).map((line) => line.replace(/; not checked to the end, it needs [^)]*/, ""));
    expect(planned.toSorted()).toEqual(names.map((name) => `${name} created (dry run)`).toSorted());
    const first = await apply();
    expect([first.code, first.stderr]).toEqual([0, ""]);
    expect(lines(first).toSorted()).toEqual(names.map((name) => `${name} created`).toSorted());
    const second = await apply();
    expect(lines(second).toSorted()).toEqual(names.map((name) => `${name} unchanged`).toSorted());
  });
});

it("the agent's configuration is one that an agent takes", () => {
  const place = configPlace("/home/alice/.mcpctl", "/home/alice");
  const parsed = parseAgentConfig(read("workstation/config.json"), place);
  expect(parsed).toMatchObject({ config: { agents: [{ name: "reviewer" }] } });
  expect("config" in parsed && parsed.config.providers.map(({ type }) => type)).toEqual([
    "ollama",
    "openai",
    "vllm-managed",
  ]);
});

it("Claude Code and Codex are pointed at the server's own address", () => {
  const { env } = JSON.parse(read("claude-code/settings.json"));
  expect(env.ANTHROPIC_BASE_URL).toBe("http://127.0.0.1:7777");
  const codex = Bun.TOML.parse(read("codex/config.toml")) as {
    model_provider: string;
    model_providers: Record<string, object>;
  };
  expect(codex.model_providers[codex.model_provider]).toMatchObject({
    base_url: "http://127.0.0.1:7777/v1",
    wire_api: "responses",
  });
});

it("the containers run the server that the build makes, and know each other by name", () => {
  const image = read("containers/Containerfile");
  expect(image).toContain("COPY dist/mcpctl /usr/local/bin/mcpctl");
  const { services, volumes } = Bun.YAML.parse(read("containers/compose.yaml")) as {
    services: Record<string, { volumes: string[]; environment: Record<string, string>; command?: string[] }>;
    volumes: object;
  };
  expect(services["llm"]!.command).toEqual(["server", "--public-url", "http://llm:7777"]);
  expect(services["llm"]!.environment["MCPCTL_DATABASE_URL"]).toContain("@database:5432/");
  for (const { volumes: used } of Object.values(services))
    for (const one of used) expect(Object.keys(volumes)).toContain(one.split(":")[0]);
});
