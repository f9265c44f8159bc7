import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { connectClients } from "../../../../src/cli/cmd/connect/clients/index.ts";
import { readValue } from "../../../../src/cli/cmd/connect/texts/values.ts";
import { cli } from "../../../support/cli/run-cli.ts";
import { must, testServer } from "../../../support/server.ts";
import { shared } from "../../../support/shared.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

/** A server with a project, and the bearer of a user who may use it. */
const served = shared(async () => {
  const server = await testServer();
  await must(server.admin("POST", "/api/v1/projects", { name: "demo" }));
  const { bearer } = await server.user("alice", [
    { role: "create", resource: "tokens" },
    { role: "delete", resource: "tokens" },
    { role: "view", resource: "projects" },
    { role: "run", resource: "projects" },
    { role: "run", resource: "llms" },
  ]);
  return { server, bearer };
});

/** The server without a token, and a user who runs command lines in a folder that is `~` and the working folder. */
async function open() {
  const { server, bearer } = served();
  const home = temporaryFolder();
  const run = (line: string, env: Record<string, string> = {}) =>
    cli(`config ${line}`, { server, home, env: { HOME: home, MCPCTL_TOKEN: bearer, ...env } });
  const read = (name: string) => readFileSync(join(home, name), "utf8");
  const write = (name: string, text: string, mode = 0o644) => {
    mkdirSync(join(home, name, ".."), { recursive: true });
    writeFileSync(join(home, name), text, { mode });
  };
  const tokens = () => (existsSync(join(home, "tokens")) ? readdirSync(join(home, "tokens")) : []);
  const tokenNames = async () =>
    (await server.admin("GET", "/api/v1/tokens")).body.map(({ name }: { name: string }) => name) as string[];
  for (const name of await tokenNames()) await must(server.admin("DELETE", `/api/v1/tokens/${name}`));
  return { server, bearer, home, run, read, write, tokens, tokenNames };
}

/** The file of each client, from `~`. */
const files: Record<string, string> = {
  claude: ".mcp.json",
  codex: ".codex/config.toml",
  cursor: ".cursor/mcp.json",
  vscode: ".vscode/mcp.json",
  opencode: "opencode.json",
  gemini: ".gemini/settings.json",
  qwen: ".qwen/settings.json",
  zed: ".zed/settings.json",
  continue: ".continue/config.yaml",
};

const others: Record<"json" | "toml" | "yaml", string> = {
  yaml: `name: Mine\nmcpServers: # mine\n  - name: other\n    command: x # why\n`,
  json: `{\n  // mine\n  "theme": "dark", // why\n  "list": [1, 2]\n}\n`,
  toml: `# mine\nmodel = "gpt" # why\n\n[mcp_servers.other]\ncommand = "x"\n`,
};

const mcpClients = connectClients.flatMap(({ name, mcp }) => (mcp ? [{ name, ...mcp }] : []));

describe.each(mcpClients)(
  "mcpctl config $name, the earlier name of connect",
  ({ name, format, section, isList, tokens: sources }) => {
    const file = files[name]!;

    it("adds an entry without a token in it, once, and takes it out again to the byte (T187)", async () => {
      const { server, home, run, read, write, tokens, tokenNames } = await open();
      write(file, others[format], 0o640);
      const first = await run(`${name} -p demo`);
      expect(first).toMatchObject({ code: 0, stdout: `${join(home, file)} changed: MCP server 'demo'\n` });
      const text = read(file);
      expect(readValue(format, text, [...section, isList ? "=demo" : "demo"])).toBeDefined();
      expect(read(`${file}.mcpctl-backup`)).toBe(others[format]);
      expect(statSync(join(home, file)).mode & 0o777).toBe(0o640);

      const [tokenFile] = tokens();
      expect(statSync(join(home, "tokens", tokenFile!)).mode & 0o777).toBe(0o600);
      const token = read(join("tokens", tokenFile!)).trim();
      expect(text).toContain(join(home, "tokens", tokenFile!));
      expect(text + first.stdout + first.stderr).not.toContain(token);
      const [tokenName] = await tokenNames();
      expect((await server.admin("GET", `/api/v1/tokens/${tokenName}`)).body.roleBindings).toEqual([
        { role: "run", resource: "projects", name: "demo" },
      ]);

      const second = await run(`${name} -p demo`);
      expect(second).toMatchObject({ code: 0, stdout: `${join(home, file)} unchanged\n` });
      expect({ text: read(file), tokens: tokens() }).toEqual({ text, tokens: [tokenFile] });

      // As the first one says how to undo it.
      const [, undo = ""] = /^to undo it: mcpctl connect (.+)$/m.exec(first.stderr) ?? [];
      const removed = await run(undo);
      expect(removed.stdout).toBe(
        `${join(home, file)} changed: MCP server 'demo' is gone\ntoken '${tokenName}' deleted\n`,
      );
      expect(read(file)).toBe(others[format]);
      expect({ tokens: tokens(), names: await tokenNames() }).toEqual({ tokens: [], names: [] });
      expect((await run(`${name} -p demo --remove`)).stdout).toBe(
        `${join(home, file)} has no MCP server 'demo'\n`,
      );
    });

    it("makes the file, deletes it again, and prints the same with --stdout", async () => {
      const { home, run, read, write, tokens } = await open();
      const { stdout } = await run(`${name} -p demo --stdout`);
      expect(existsSync(join(home, file))).toBe(false);
      await run(`${name} -p demo`);
      expect(read(file)).toBe(stdout);
      expect(existsSync(join(home, `${file}.mcpctl-backup`))).toBe(false);
      expect(tokens()).toHaveLength(1);
      expect((await run(`${name} -p demo --remove`)).stdout).toContain(
        "deleted: there was nothing else in it\n",
      );
      expect(existsSync(join(home, file))).toBe(false);
      write(file, "");
      expect((await run(`${name} -p demo`)).code).toBe(0);
      expect(read(file)).toBe(
        stdout.replace(/[0-9a-f]{8}\.token/, /[0-9a-f]{8}\.token/.exec(read(file))![0]),
      );
    });

    it.skipIf(!sources.includes("variable"))(
      "names a variable with --token-env, so that the file can be shared, and makes no token",
      async () => {
        const { server, run, read, tokens, tokenNames } = await open();
        const { code, stderr } = await run(`${name} -p demo --token-env TEAM_TOKEN`);
        expect(code).toBe(0);
        expect(stderr).toContain("the client needs a token in TEAM_TOKEN");
        expect(read(file)).toContain("TEAM_TOKEN");
        expect(read(file)).toContain(`${server.url}/projects/demo/mcp`);
        expect({ tokens: tokens(), names: await tokenNames() }).toEqual({ tokens: [], names: [] });
      },
    );

    it.skipIf(!sources.includes("variable"))(
      "changes its own members of an entry and leaves those of the user",
      async () => {
        const { run, read } = await open();
        await run(`${name} -p demo --token-env OLD_NAME`);
        const edited =
          format === "toml"
            ? `${read(file)}startup_timeout_sec = 30 # slow\n`
            : read(file).replace(/("demo": \{)/, `$1\n      "timeout": 30, // slow`);
        const home = (await run(`${name} -p demo --token-env OLD_NAME`)).home;
        writeFileSync(join(home, file), edited);
        expect((await run(`${name} -p demo --token-env NEW_NAME`)).code).toBe(0);
        expect(read(file)).toContain("NEW_NAME");
        expect(read(file)).not.toContain("OLD_NAME");
        expect(read(file)).toContain("# slow".slice(2));
        // From HTTP to a program the members of HTTP go.
        expect((await run(`${name} -p demo --program`)).code).toBe(0);
        expect(read(file)).not.toContain("NEW_NAME");
        expect(read(file)).toContain("slow");
        expect(read(file)).toContain("--token-file");
      },
    );

    it("leaves a file alone that it cannot read, and makes no token (failure mode 150)", async () => {
      const { run, read, write, tokens, tokenNames } = await open();
      const broken = format === "toml" ? "a = = 1\n" : `{\n  "a": 1\n  "b": 2\n}\n`;
      const inline =
        format === "toml" ? `mcp_servers = { other = { command = "x" } }\n` : `{"${section[0]}": []}\n`;
      for (const text of [broken, inline]) {
        write(file, text);
        const { code, stdout, stderr } = await run(`${name} -p demo`);
        expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
        expect(stderr).toContain(file);
        expect(stderr).toContain("hint: it was not changed");
        expect(read(file)).toBe(text);
      }
      expect({ tokens: tokens(), names: await tokenNames() }).toEqual({ tokens: [], names: [] });
    });
  },
);

describe("mcpctl config CLIENT -p PROJECT", () => {
  it.each([
    ["claude", { CLAUDE_CONFIG_DIR: "own" }, "own/.claude.json"],
    ["codex", { CODEX_HOME: "own" }, "own/config.toml"],
    ["gemini", { GEMINI_CLI_HOME: "own" }, "own/.gemini/settings.json"],
    ["qwen", { QWEN_HOME: "own" }, "own/settings.json"],
    ["opencode", { XDG_CONFIG_HOME: "own" }, "own/opencode/opencode.json"],
  ])("writes the file of %s where the client looks for it: %o", async (client, env, file) => {
    const { home, run, read } = await open();
    const places = Object.fromEntries(Object.entries(env).map(([name, path]) => [name, join(home, path)]));
    expect((await run(`${client} -p demo --user`, places)).code).toBe(0);
    expect(read(file)).toContain("demo");
  });

  it.each([
    ["claude", "workspace", "reserved"],
    ["claude", "computer-use", "reserved"],
    ["gemini", "my_tools", "underscore"],
    ["qwen", "my_tools", "underscore"],
  ])("does not write an entry that %s would not load: %s", async (client, name, why) => {
    const { home, run, tokens } = await open();
    const { code, stderr } = await run(`${client} -p demo --name ${name}`);
    expect({ code, tokens: tokens() }).toEqual({ code: 2, tokens: [] });
    expect(stderr).toContain(why);
    expect(stderr).toContain("--name NAME");
    expect(existsSync(join(home, files[client]!))).toBe(false);
  });

  it("leaves everything as it is where it cannot write, and says why (failure mode 167)", async () => {
    const { home, run, write, read } = await open();
    write(".cursor/mcp.json", "{}\n");
    const isRoot = process.getuid?.() === 0;
    // Root may write into every folder, but not replace a folder by the backup.
    if (isRoot) mkdirSync(join(home, ".cursor/mcp.json.mcpctl-backup"));
    else chmodSync(join(home, ".cursor"), 0o555);
    const before = readdirSync(join(home, ".cursor"));
    const { code, stdout, stderr } = await run("cursor -p demo");
    if (!isRoot) chmodSync(join(home, ".cursor"), 0o755);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`cannot write ${join(home, ".cursor/mcp.json")}: `);
    expect(read(".cursor/mcp.json")).toBe("{}\n");
    expect(readdirSync(join(home, ".cursor"))).toEqual(before);
  });

  it("says how to undo what it did for all folders, under another name", async () => {
    const { run, tokens } = await open();
    const { stderr } = await run("cursor -p demo --user --name mine");
    expect(stderr).toContain("to undo it: mcpctl connect cursor -p demo --user --name mine --remove\n");
    await run("cursor -p demo --user --name mine --remove");
    expect(tokens()).toEqual([]);
  });

  it("starts mcpctl mcp where the server is reached through a Unix socket", async () => {
    const { server, run, read } = await open();
    const unix = `unix://${server.socketPath}`;
    expect((await run(`claude -p demo --server ${unix}`)).code).toBe(0);
    const { command, args } = JSON.parse(read(".mcp.json")).mcpServers.demo;
    expect(command).toMatch(/mcpctl$/);
    expect(args.slice(0, 5)).toEqual(["mcp", "-p", "demo", "--server", unix]);
    const { code, stderr } = await run(`claude -p demo --token-env X --server ${unix}`);
    expect(code).toBe(2);
    expect(stderr).toContain("hint: say its address: --url");
    await run(`claude -p demo --server ${unix} --url http://10.0.0.5:7777`);
    expect(JSON.parse(read(".mcp.json")).mcpServers.demo).toMatchObject({
      type: "http",
      url: "http://10.0.0.5:7777/projects/demo/mcp",
    });
  });

  it("makes another token in place of one that was revoked", async () => {
    const { server, run, tokens, tokenNames } = await open();
    await run("cursor -p demo");
    const [before] = await tokenNames();
    await must(server.admin("DELETE", `/api/v1/tokens/${before}`));
    const { stdout, stderr } = await run("cursor -p demo");
    expect(stderr).toMatch(/^token 'cursor-demo-[0-9a-f]{6}' created/m);
    expect(stdout).toContain("unchanged");
    expect(await tokenNames()).not.toContain(before);
    expect(tokens()).toHaveLength(1);
  });

  it("uses the token of --token-file, and does not delete it with --remove", async () => {
    const { bearer, home, run, read, write, tokenNames } = await open();
    write("mine.token", bearer, 0o600);
    expect((await run("claude -p demo --token-file mine.token")).code).toBe(0);
    expect(read(".mcp.json")).toContain(join(home, "mine.token"));
    await run("claude -p demo --token-file mine.token --remove");
    expect(existsSync(join(home, "mine.token"))).toBe(true);
    expect(await tokenNames()).toEqual([]);
  });

  it("knows the name claude-generate of earlier versions, and the file for all folders", async () => {
    const { run, read } = await open();
    await run("claude-generate -p demo");
    expect(read(".mcp.json")).toContain("headersHelper");
    await run("claude -p demo --user");
    expect(JSON.parse(read(".claude.json")).mcpServers.demo.type).toBe("http");
    expect((await cli("config --help")).stdout).not.toContain("claude-generate");
  });

  it("takes the file that is there: opencode.jsonc", async () => {
    const { home, run, read, write } = await open();
    write("opencode.jsonc", "// mine\n{}\n");
    await run("opencode -p demo");
    expect(read("opencode.jsonc")).toContain("/projects/demo/mcp");
    expect(existsSync(join(home, "opencode.json"))).toBe(false);
  });

  it("does not follow a link out of a folder, and follows one of the user's own (T189)", async () => {
    const { home, run, read, write, tokens } = await open();
    const elsewhere = temporaryFolder();
    writeFileSync(join(elsewhere, "victim.json"), "{}\n");
    symlinkSync(join(elsewhere, "victim.json"), join(home, ".mcp.json"));
    symlinkSync(elsewhere, join(home, ".cursor"));
    symlinkSync(join(elsewhere, "gone.json"), join(home, "opencode.json"));
    for (const client of ["claude", "cursor", "opencode"]) {
      const { code, stderr } = await run(`${client} -p demo`);
      expect({ client, code }).toEqual({ client, code: 1 });
      expect(stderr).toMatch(/is refused: it is a link/);
    }
    expect(readFileSync(join(elsewhere, "victim.json"), "utf8")).toBe("{}\n");
    expect(readdirSync(elsewhere)).toEqual(["victim.json"]);
    expect(tokens()).toEqual([]);
    write("dotfiles/config.toml", 'model = "gpt"\n');
    mkdirSync(join(home, ".codex"));
    symlinkSync(join(home, "dotfiles/config.toml"), join(home, ".codex/config.toml"));
    expect((await run("codex -p demo")).code).toBe(0);
    expect(read("dotfiles/config.toml")).toContain("[mcp_servers.demo]");
  });

  it("keeps line ends of Windows, comments and commas at the end", async () => {
    const { run, read, write } = await open();
    const text = '{\r\n  // mine\r\n  "servers": {\r\n    "a": {"command": "x"}, /* b */\r\n  },\r\n}\r\n';
    write(".vscode/mcp.json", text);
    expect((await run("vscode -p demo")).code).toBe(0);
    const after = read(".vscode/mcp.json");
    expect(after.replaceAll("\r\n", "")).not.toContain("\n");
    for (const part of ["// mine", '"a": {"command": "x"}', "/* b */"]) expect(after).toContain(part);
    await run("vscode -p demo --remove");
    expect(read(".vscode/mcp.json")).toBe(text);
  });

  it("keeps a byte order mark", async () => {
    const { run, read, write } = await open();
    write(".mcp.json", `\ufeff{"a": 1}`);
    await run("claude -p demo");
    expect(read(".mcp.json").startsWith(`\ufeff{"a": 1, "mcpServers"`)).toBe(true);
  });

  it("says that a project is not there, or that tokens may not be made", async () => {
    const { server, home, run } = await open();
    expect(await run("claude -p other")).toMatchObject({ code: 3 });
    const { bearer } = await server.user("bob", [{ role: "run", resource: "projects" }]);
    const { code } = await run("claude -p demo", { MCPCTL_TOKEN: bearer });
    expect(code).toBe(4);
    expect(existsSync(join(home, ".mcp.json"))).toBe(false);
  });

  it.each([
    "gemini",
    "claude --program",
    "claude -p Bad_Name",
    "claude -p demo --name a/b",
    "claude -p demo --token-env 1X",
    "claude -p demo --token-env X --program",
    "zed -p demo --token-env X",
  ])("refuses config %s", async (line) => {
    const { code, stdout } = await cli(`config ${line}`, { env: { MCPCTL_SERVER: "http://127.0.0.1:1" } });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});
