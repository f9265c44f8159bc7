import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { must, type TestServer } from "../../../support/server.ts";
import { shared } from "../../../support/shared.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { reply, upstream } from "../../../support/upstream.ts";
import { folders, openWithModels, userSettings } from "./setup.ts";

const { JSONC } = Bun as unknown as { JSONC: { parse(text: string): Record<string, unknown> } };

/** A server for the tests that leave it as it is, but for the tokens of `alice`. */
const served = shared(() => openWithModels());

/** The server without a token, and another folder that is `~` of its programs. */
async function open() {
  const { server, bearer } = served();
  const fresh = folders(server, bearer);
  for (const { name } of await fresh.tokens()) await must(server.admin("DELETE", `/api/v1/tokens/${name}`));
  return fresh;
}

describe("mcpctl connect claude", () => {
  it("writes the settings, changes nothing the second time, and takes out exactly that again (T243, T244)", async () => {
    const { server, provider, home, run, read, write, files, tokens, bearerIn } = await openWithModels();
    write(".claude/settings.json", userSettings);
    const before = files();
    const first = await run("claude --llm gpt");
    expect(first.code).toBe(0);
    const text = read(".claude/settings.json");
    const token = bearerIn();
    expect(JSONC.parse(text)).toEqual({
      model: "gpt",
      apiKeyHelper: expect.stringMatching(/^cat .*\.token$/),
      env: {
        MY: "1",
        ANTHROPIC_BASE_URL: server.url,
        ANTHROPIC_DEFAULT_OPUS_MODEL: "gpt",
        ANTHROPIC_DEFAULT_SONNET_MODEL: "gpt",
        ANTHROPIC_DEFAULT_HAIKU_MODEL: "gpt",
      },
      permissions: { allow: ["Read"] },
    });
    for (const kept of ["// mine", "// my favourite", `"permissions": { "allow": ["Read"] }`])
      expect(text).toContain(kept);
    expect(text + first.stdout + first.stderr).not.toContain(token);
    const [made] = await tokens();
    expect(made!.roleBindings).toEqual([{ role: "run", resource: "llms", name: "gpt" }]);
    // The test call was made with the new token, and the provider got its own model's name.
    expect(provider.seen.at(-1)!.body.model).toBe("up");
    expect(first.stderr).toMatch(/^tested: gpt answered in [\d.]+ m?s$/m);
    expect(first.stderr).toContain("to undo it: mcpctl connect claude --remove\n");
    expect(read(".claude/settings.json.mcpctl-backup")).toBe(userSettings);

    const second = await run("claude --llm gpt");
    expect(second).toMatchObject({ code: 0, stdout: `${join(home, ".claude/settings.json")} unchanged\n` });
    expect({ text: read(".claude/settings.json"), token: bearerIn() }).toEqual({ text, token });
    expect(await tokens()).toHaveLength(1);

    const removed = await run("claude --remove");
    expect(removed.stdout).toContain(`token '${made!.name}' deleted\n`);
    expect(read(".claude/settings.json")).toBe(userSettings);
    expect(files()).toEqual(before);
    expect(await tokens()).toEqual([]);
    expect((await run("claude --remove")).stdout).toBe("Claude Code is not connected to a model\n");
  });

  it("makes the file, and removes it with the folder's other files left alone", async () => {
    const { run, files } = await open();
    await run("claude --llm gpt");
    expect(files()).toContain(".claude/settings.json");
    await run("claude --remove");
    expect(files()).toEqual([]);
  });

  it("takes another llm, with a token for that one only, and then brings back what was there first", async () => {
    const { run, read, write, tokens } = await open();
    write(".claude/settings.json", userSettings);
    await run("claude --llm gpt");
    await run("claude --llm local");
    expect(JSONC.parse(read(".claude/settings.json"))["model"]).toBe("local");
    expect((await tokens()).map(({ roleBindings }) => roleBindings)).toEqual([
      [{ role: "run", resource: "llms", name: "local" }],
    ]);
    await run("claude --remove");
    expect(read(".claude/settings.json")).toBe(userSettings);
  });

  it("brings an empty file, and one without an end of its last line, back to the byte", async () => {
    const { home, run, read, write, files } = await open();
    const kept: [client: string, file: string, text: string][] = [
      ["claude", ".claude/settings.json", ""],
      ["zed", ".config/zed/settings.json", "\n"],
      ["codex", ".codex/config.toml", "a = 1"],
      ["aider", ".aider.conf.yml", "# mine\na: 1"],
      ["continue", ".continue/config.yaml", ""],
      ["vscode", ".config/Code/User/chatLanguageModels.json", "[]\n"],
    ];
    for (const [client, file, text] of kept) {
      write(file, text);
      const before = files();
      expect(await run(`${client} --llm gpt`, { XDG_CONFIG_HOME: join(home, ".config") })).toMatchObject({
        code: 0,
      });
      expect(read(file), client).not.toBe(text);
      expect(await run(`${client} --remove`, { XDG_CONFIG_HOME: join(home, ".config") })).toMatchObject({
        code: 0,
      });
      expect(read(file), client).toBe(text);
      expect(files().filter((name) => !name.startsWith(".mcpctl/"))).toEqual(
        before.filter((name) => !name.startsWith(".mcpctl/")),
      );
    }
  });

  it("leaves alone what the user changed meanwhile, and says so (failure mode 210)", async () => {
    const { run, read, write } = await open();
    write(".claude/settings.json", userSettings);
    await run("claude --llm gpt");
    write(
      ".claude/settings.json",
      read(".claude/settings.json").replace(`"model": "gpt"`, `"model": "mine"`),
    );
    const { stderr } = await run("claude --remove");
    expect(stderr).toContain("warning: model in ");
    expect(JSONC.parse(read(".claude/settings.json"))).toEqual({
      ...JSONC.parse(userSettings),
      model: "mine",
    });
  });

  it("keeps no token where it cannot write the file, and says why (failure mode 285)", async () => {
    const { home, run, write, read, files, tokens } = await open();
    write(".claude/settings.json", userSettings);
    const before = files();
    // A folder in the place of the backup keeps root out, too.
    mkdirSync(join(home, ".claude/settings.json.mcpctl-backup"));
    const { code, stdout, stderr } = await run("claude --llm gpt");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`error: cannot write ${join(home, ".claude/settings.json")}: it is a folder`);
    expect([read(".claude/settings.json"), files(), await tokens()]).toEqual([userSettings, before, []]);
  });

  it("changes nothing and keeps no token where the test call fails (failure mode 209)", async () => {
    const { server, run, files, tokens } = await openWithModels();
    const broken = upstream((_, connection) =>
      connection.write(reply(401, { error: { message: "bad key" } })),
    );
    const llm = { name: "broken", type: "vllm", model: "up", url: broken.url };
    await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
    const { code, stdout, stderr } = await run("claude --llm broken");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^error: the test call of broken failed: /);
    expect({ files: files(), tokens: await tokens() }).toEqual({ files: [], tokens: [] });
    expect((await run("claude --llm broken --skip-test")).code).toBe(0);
    expect(await tokens()).toHaveLength(1);
  });

  it("makes another token in place of one that was revoked or expires soon", async () => {
    const { server, run, read, tokens, bearerIn } = await openWithModels();
    await run("claude --llm gpt");
    const text = read(".claude/settings.json");
    const old = bearerIn();
    await must(server.admin("DELETE", `/api/v1/tokens/${(await tokens())[0]!.name}`));
    expect((await run("claude --llm gpt")).stdout).toContain("unchanged");
    expect(bearerIn()).not.toBe(old);
    expect(read(".claude/settings.json")).toBe(text);
    await run("claude --llm gpt --ttl 30d");
    expect(await tokens()).toEqual([expect.objectContaining({ expiresAt: expect.stringMatching(/Z$/) })]);
    const soon = bearerIn();
    await run("claude --llm gpt --ttl 30d");
    expect(bearerIn()).toBe(soon);
    await run("claude --llm gpt --ttl 300d");
    expect(bearerIn()).not.toBe(soon);
    expect(await tokens()).toHaveLength(1);
  });

  it.each([
    ["no such llm", "claude --llm gtp", 3, `did you mean "gpt"?`],
    ["several llms and none named", "claude", 2, "choose one with --llm NAME"],
    ["a project's flag without a project", "claude --llm gpt --user", 2, "-p NAME is missing"],
  ])("refuses %s", async (_, line, code, words) => {
    const { run, files, tokens } = await open();
    const answer = await run(line);
    expect(answer.code).toBe(code);
    expect(answer.stderr).toContain(words);
    expect({ files: files(), tokens: await tokens() }).toEqual({ files: [], tokens: [] });
  });

  it("asks on a terminal which llm it is", async () => {
    const { run, read } = await open();
    const { prompts } = await run("claude", {}, ["local"]);
    expect(prompts).toEqual(["Model (gpt, local) [gpt]: "]);
    expect(JSONC.parse(read(".claude/settings.json"))["model"]).toBe("local");
  });

  it("gives a pool the rights of its members and a persona its own", async () => {
    const { server, provider, run, tokens } = await openWithModels([
      { role: "view", resource: "agents" },
      { role: "run", resource: "agents" },
    ]);
    for (const name of ["one", "two"]) {
      const llm = { name, type: "vllm", model: "up", url: provider.url, poolName: "all" };
      await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
    }
    await must(server.admin("POST", "/api/v1/agents", { name: "greeter", llm: "gpt" }));
    expect((await run("claude --llm all")).code).toBe(0);
    const rights = async () => (await tokens())[0]!.roleBindings;
    expect(await rights()).toEqual(["one", "two"].map((name) => ({ role: "run", resource: "llms", name })));
    expect((await run("claude --llm greeter")).code).toBe(0);
    expect(await rights()).toEqual([{ role: "run", resource: "agents", name: "greeter" }]);
  });

  it("follows a link within ~ and none that leads out of it (T242)", async () => {
    const { home, run, read, write, tokens } = await open();
    write("dotfiles/settings.json", userSettings);
    mkdirSync(join(home, ".claude"));
    symlinkSync(join(home, "dotfiles/settings.json"), join(home, ".claude/settings.json"));
    expect((await run("claude --llm gpt")).code).toBe(0);
    expect(read("dotfiles/settings.json")).toContain("apiKeyHelper");
    await run("claude --remove");
    expect(read("dotfiles/settings.json")).toBe(userSettings);

    const elsewhere = temporaryFolder();
    const other = folders({ url: "http://127.0.0.1:1" } as TestServer, "x");
    writeFileSync(join(elsewhere, "settings.json"), "{}\n");
    symlinkSync(elsewhere, join(other.home, ".claude"));
    const env = { HOME: other.home, MCPCTL_HOME: join(other.home, ".mcpctl") };
    const { code, stderr } = await run("claude --llm gpt", env);
    expect(code).toBe(1);
    expect(stderr).toMatch(/is refused: it is a link that leads out of/);
    expect(readFileSync(join(elsewhere, "settings.json"), "utf8")).toBe("{}\n");
    expect(await tokens()).toEqual([]);
  });

  it("prints the settings with --print and writes no file of the client", async () => {
    const { run, files } = await open();
    const { stdout } = await run("claude --llm gpt --print");
    expect(stdout).toContain(`"ANTHROPIC_BASE_URL"`);
    expect(files().filter((name) => !name.startsWith(".mcpctl/tokens/"))).toEqual([]);
  });

  it("warns of a variable that the client prefers", async () => {
    const { run } = await open();
    const { stderr } = await run("claude --llm gpt", { ANTHROPIC_API_KEY: "sk-mine" });
    expect(stderr).toContain("warning: ANTHROPIC_API_KEY is set here");
    expect(stderr).not.toContain("sk-mine");
  });

  it("finds the server's address over the Unix socket", async () => {
    const { server, run, read } = await openWithModels();
    const { code } = await run(`claude --llm gpt --server unix://${server.socketPath}`, { MCPCTL_TOKEN: "" });
    expect(code).toBe(0);
    expect(read(".claude/settings.json")).toContain(`"ANTHROPIC_BASE_URL": "${server.url}"`);
  });
});

describe("mcpctl connect codex", () => {
  it("writes what Codex reads", async () => {
    const { server, run, read, files } = await openWithModels();
    await run("codex --llm gpt");
    const token = files().find((name) => name.endsWith(".token"))!;
    expect(Bun.TOML.parse(read(".codex/config.toml"))).toEqual({
      model: "gpt",
      model_provider: "mcpctl",
      model_providers: {
        mcpctl: {
          name: "mcpctl",
          base_url: `${server.url}/v1`,
          wire_api: "responses",
          auth: { command: "cat", args: [expect.stringContaining(token)] },
        },
      },
    });
  });
});

describe("mcpctl connect sdk-node", () => {
  it("prints a program that works", async () => {
    const { run } = await open();
    const { stdout } = await run("sdk-node --llm gpt");
    const child = Bun.spawn([process.execPath, "-e", stdout], {
      cwd: join(import.meta.dirname, "../../../.."),
      stdout: "pipe",
      stderr: "inherit",
    });
    expect(await new Response(child.stdout).text()).toBe("hello there\n");
  });
});

describe("mcpctl connect curl", () => {
  it("prints a command line that works, without the token in it", async () => {
    const { run, home, files, bearerIn, tokens } = await open();
    const { stdout, code } = await run("curl --llm gpt");
    expect(code).toBe(0);
    const snippet = stdout.slice(stdout.indexOf("curl "));
    expect(snippet).not.toContain(bearerIn());
    const settings = files().find((name) => name.endsWith(".settings"))!;
    expect(statSync(join(home, settings)).mode & 0o777).toBe(0o600);
    const child = Bun.spawn(["sh", "-c", snippet], {
      env: { PATH: process.env["PATH"] ?? "" },
      stdout: "pipe",
    });
    expect(JSON.parse(await new Response(child.stdout).text()).choices[0].message.content).toBe(
      "hello there",
    );
    await run("curl --remove");
    expect({ files: files(), tokens: await tokens() }).toEqual({ files: [], tokens: [] });
  });

  it("has no settings for a project", async () => {
    const { run } = await open();
    expect((await run("curl -p demo")).code).toBe(2);
  });
});
