import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { discoverVerb } from "../../../src/agent/cmd/discover.ts";
import { readAgentConfig } from "../../../src/agent/config/watch.ts";
import { serversOfClients } from "../../../src/agent/discovery/client-files.ts";
import { cli } from "../../support/cli/run-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** Writes a file of a client and returns its path. */
function written(folder: string, file: string, text: string | object): string {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof text === "string" ? text : JSON.stringify(text));
  return path;
}

const files = { command: "npx", args: ["-y", "@modelcontextprotocol/server-filesystem", "/srv"] };

describe("the MCP servers of clients", () => {
  it("are found in the files of Claude Desktop, Claude Code and Cursor below the home", () => {
    const home = temporaryFolder();
    written(home, ".config/Claude/claude_desktop_config.json", { mcpServers: { "My Files": files } });
    written(home, ".claude.json", { mcpServers: { web: { type: "http", url: "https://x.example/mcp" } } });
    written(home, ".cursor/mcp.json", {
      mcpServers: { "my-files": { command: "other", env: { KEY: "v" } } },
    });
    const found = serversOfClients(home, [], []);
    expect(found.map(({ name, source, configured }) => [name, source, configured])).toEqual([
      ["my-files", "npx", false],
      ["web", "https://x.example/mcp", false],
      ["my-files-2", "other", false],
    ]);
    expect(found[2]!.entry).toEqual({ name: "my-files-2", command: "other", env: { KEY: "v" } });
  });

  it("are read from a file of VS Code with comments and commas before brackets", () => {
    const path = written(
      temporaryFolder(),
      "mcp.json",
      `{ // mine
        "servers": { "a": { "type": "stdio", "command": "x", "args": ["http://no/comment", "a,}"], /* y */ }, },
      }`,
    );
    expect(serversOfClients("/", [path], [])[0]!.entry).toEqual({
      name: "a",
      command: "x",
      args: ["http://no/comment", "a,}"],
    });
  });

  it("are listed with the reason if they cannot be used", () => {
    const path = written(temporaryFolder(), "mcp.json", {
      mcpServers: {
        asks: { command: "x", env: { KEY: "${input:key}" } },
        empty: {},
        local: { url: "file:///etc/passwd" },
        text: "x",
        args: { command: "x", args: [1] },
        elsewhere: { command: "x", cwd: "/srv" },
        variables: { command: "x", envFile: ".env" },
        nul: { command: "x", env: { KEY: "secret\0value" } },
      },
    });
    const found = serversOfClients("/", [path], []);
    expect(found.map(({ refusal, entry }) => [refusal !== null, entry])).toEqual(
      Array.from({ length: 8 }, () => [true, undefined]),
    );
    expect(found[7]!.refusal).toMatch(/^env\.KEY: must not have U\+0000/);
    expect(found[5]!.refusal).toMatch(/^it has cwd/);
    expect(found[0]!.refusal).toMatch(/variables of its client/);
  });

  it("are an error only in a file that was named", () => {
    const home = temporaryFolder();
    const broken = written(home, ".claude.json", "{");
    expect(serversOfClients(home, [], [])).toEqual([]);
    expect(() => serversOfClients(home, [broken], [])).toThrow(/has no MCP servers/);
    expect(() => serversOfClients(home, [join(home, "none.json")], [])).toThrow(/cannot read/);
  });
});

describe("mcpctl agent discover --from", () => {
  const commands = { discover: { summary: "Find", load: async () => discoverVerb } };

  it("prints no argument and no value, and adds with --write, unpublished and once", async () => {
    const home = temporaryFolder();
    const from = written(temporaryFolder(), "mcp.json", {
      mcpServers: {
        it: { command: "x", args: ["--key", "argument-secret"], env: { KEY: "value-secret" } },
        web: { url: "https://x.example/mcp?q=query-secret", headers: { "x-key": "header-secret" } },
      },
    });
    for (const flags of [[], ["-o", "json"], ["--write"]]) {
      const { code, stdout, stderr } = await cli(["discover", "--from", from, ...flags], {
        home,
        commands,
        env: { HOME: home },
      });
      expect([code, stdout + stderr]).toEqual([0, expect.not.stringMatching(/secret/)]);
      expect(stdout).toContain("https://x.example/mcp");
    }
    const again = await cli(["discover", "--from", from, "--write"], { home, commands, env: { HOME: home } });
    expect(again.stderr).toMatch(/already/);
    const path = join(home, "config.json");
    const place = { file: path, home, userHome: home };
    expect(readAgentConfig(path, place).mcpServers).toMatchObject([
      { name: "it", publish: false, env: { KEY: "value-secret" } },
      { name: "web", publish: false },
    ]);
    expect(JSON.parse(readFileSync(path, "utf8")).llm).toBeUndefined();
  });
});
