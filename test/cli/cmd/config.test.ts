import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cli, newHome } from "../../support/cli/run-cli.ts";

describe("config", () => {
  it("adds, lists, chooses and removes contexts", async () => {
    const home = newHome();
    const run = async (line: string) => {
      const { code, stdout, stderr } = await cli(line, { home });
      return `${code} ${stdout}${stderr}`;
    };
    expect(await run("config get-contexts")).toBe("0 No contexts found.\n");
    expect(await run("config current-context")).toContain("1 error: there is no current context\n");
    expect(await run("config set-context home --server http://10.0.0.5:7777/")).toBe(
      "0 context 'home' created\n",
    );
    expect(
      await run("--server https://llm.example.org config set-context work --token-file work.token"),
    ).toBe("0 context 'work' created\n");
    expect(await run("config current-context")).toBe("0 home\n");
    expect(await run("config use-context work")).toBe("0 context 'work' is now current\n");
    expect(await run("config set-context work --server https://other.example.org")).toBe(
      "0 context 'work' changed\n",
    );
    expect(await run("config get-contexts")).toBe(
      `0 CURRENT   NAME   SERVER                      TOKEN-FILE\n          home   http://10.0.0.5:7777        -\n*         work   https://other.example.org   ${home}/work.token\n`,
    );
    expect(JSON.parse((await cli("config get-contexts -o json", { home })).stdout)).toEqual([
      { name: "home", current: false, server: "http://10.0.0.5:7777" },
      { name: "work", current: true, server: "https://other.example.org", tokenFile: `${home}/work.token` },
    ]);
    expect(await run("config delete-context work")).toBe("0 context 'work' deleted\n");
    expect(await run("config use-context hoem")).toBe(
      '3 error: no context "hoem"\nhint: did you mean "home"?\n',
    );
    expect(JSON.parse(readFileSync(join(home, "config.json"), "utf8"))).toEqual({
      contexts: { home: { server: "http://10.0.0.5:7777" } },
    });
    expect(readdirSync(home)).toEqual(["config.json"]);
    expect(statSync(join(home, "config.json")).mode & 0o777).toBe(0o600);
  });

  it("keeps unknown keys, because the agent's settings are in the same file", async () => {
    const home = newHome();
    const theirs = { llm: { providers: [{ name: "a" }] }, agents: [] };
    writeFileSync(join(home, "config.json"), JSON.stringify(theirs), { mode: 0o600 });
    await cli("config set-context home --server http://h:1", { home });
    expect(JSON.parse(readFileSync(join(home, "config.json"), "utf8"))).toMatchObject(theirs);
  });

  it("prints the config with credentials masked", async () => {
    const home = newHome();
    const wake = { headers: { authorization: "Bearer abc" }, url: "http://u:hunter2@h" };
    writeFileSync(
      join(home, "config.json"),
      JSON.stringify({ llm: { providers: [{ wake, apiKey: "sk-1" }] } }),
      { mode: 0o600 },
    );
    writeFileSync(join(home, "credentials.json"), '{"token":"mcpctl_ses_x"}', { mode: 0o600 });
    const { stdout } = await cli("config view", { home });
    expect(JSON.parse(stdout)).toEqual({
      llm: {
        providers: [
          { wake: { headers: { authorization: "********" }, url: "********" }, apiKey: "********" },
        ],
      },
      contexts: {},
      credentials: { token: "********" },
    });
  });

  it.each([
    ["not json", "is not JSON"],
    ["[]", "must be an object"],
    ['{"contexts": []}', "contexts must be an object"],
    ['{"contexts": {"a": {}}}', "contexts.a.server is required"],
    ['{"contexts": {"a": {"server": "http://h", "tokenFile": 1}}}', "contexts.a.tokenFile must be a string"],
    ['{"currentContext": 1}', "currentContext must be a string"],
  ])("names the fault in %s", async (text, message) => {
    const home = newHome();
    writeFileSync(join(home, "config.json"), text, { mode: 0o600 });
    const { code, stderr } = await cli("config get-contexts", { home });
    expect(code).toBe(1);
    expect(stderr).toContain(`${home}/config.json`);
    expect(stderr).toContain(message);
  });

  it("refuses an address that is not a server's", async () => {
    for (const flags of [
      [],
      ["--server", "ftp://x"],
      ["--server", "host:7777"],
      ["--server", "unix://relative"],
    ])
      expect((await cli(["config", "set-context", "a", ...flags])).code).toBe(2);
  });
});
