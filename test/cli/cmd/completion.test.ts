import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { catalogueResponses, failure, fakeApi, rows } from "../../support/cli/fake-api.ts";
import { expectGolden } from "../../support/cli/golden.ts";
import { type CliOptions, cli, newHome } from "../../support/cli/run-cli.ts";

/** The candidates for the last word, without their descriptions. */
async function complete(words: string[], options: CliOptions = {}): Promise<string[]> {
  const { code, stdout, stderr } = await cli(["__complete", "--", ...words], options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split("\t")[0]!);
}

/** Completes with names of the server: it has 150 ms to respond, so a busy machine may need several attempts. */
async function expectNames(words: string[], options: CliOptions, names: readonly string[]): Promise<void> {
  await expect.poll(() => complete(words, options)).toEqual(names);
}

describe("completion", () => {
  it("offers verbs and the verbs of groups, but no hidden ones", async () => {
    expect(await complete(["de"])).toEqual(["describe", "delete", "detach-server", "deauthorize"]);
    expect(await complete([""])).not.toContain("__complete");
    expect(await complete(["config", "use"])).toEqual(["use-context"]);
    expect(await complete(["--server", "http://x", "who"])).toEqual(["whoami"]);
    expect(await complete(["help", "log"])).toEqual(["logs", "login", "logout"]);
    expect(await complete(["completion", ""])).toEqual(["bash", "zsh", "fish", "powershell"]);
    expect(await complete(["nonsense", ""])).toEqual([]);
  });

  it("offers the verb's flags, global flags and their values", async () => {
    expect(await complete(["get", "llms", "--w"])).toEqual(["--watch", "--where"]);
    expect(await complete(["get", "--out"])).toEqual(["--output"]);
    expect(await complete(["get", "-o", "j"])).toEqual(["json", "jsonpath="]);
    expect(await complete(["--color", "a"])).toEqual(["auto", "always"]);
    expect(await complete(["get", "--color=n"])).toEqual(["--color=never"]);
    expect(await complete(["create", "llm", "x", "--tier", ""])).toEqual(["fast", "heavy"]);
    expect(await complete(["create", "secret", "x", "--ti"])).toEqual(["--timeout"]);
  });

  it("offers kinds and the names of objects", async () => {
    const server = fakeApi(catalogueResponses());
    await expectNames(["get", "s"], { server }, [
      "secretbackends",
      "secrets",
      "servers",
      "serverattachments",
    ]);
    await expectNames(["get", "llm", ""], { server }, ["claude", "qwen-alice"]);
    await expectNames(["get", "llms", "claude", ""], { server }, ["qwen-alice"]);
    await expectNames(["describe", "llm/q"], { server }, ["llm/qwen-alice"]);
    await expectNames(["delete", "llm/claude", "llm/q"], { server }, ["llm/qwen-alice"]);
    expect(await complete(["get", "nonsense", ""], { server })).toEqual([]);
    await expectNames(["wait", "llm/q"], { server }, ["llm/qwen-alice"]);
    await expectNames(["wait", "llms", ""], { server }, ["claude", "qwen-alice"]);
  });

  it("offers what approve and reject decide on", async () => {
    const server = fakeApi({
      "GET /api/v1/servers": rows("server", { name: "github" }),
      "GET /api/v1/promptrequests": rows("promptrequest", { name: "test-database", project: "web" }),
    });
    expect(await complete(["approve", ""], { server })).toEqual(["server", "promptrequest"]);
    await expectNames(["approve", "server", ""], { server }, ["github"]);
    await expectNames(["approve", "promptrequest", ""], { server }, ["test-database"]);
    await expectNames(["approve", "promptrequest/t"], { server }, ["promptrequest/test-database"]);
    await expectNames(["reject", "promptrequest", ""], { server }, ["test-database"]);
    expect(await complete(["reject", "server/g"], { server })).toEqual([]);
  });

  it("offers the values of flags: keys of secrets, names, subjects, grants, conditions, fields, and none that a shell expands (T110)", async () => {
    const server = fakeApi({
      ...catalogueResponses(),
      "GET /api/v1/secrets": [
        { name: "openai", keys: ["api-key", "$(id)"] },
        { name: "$(id)", keys: ["k"] },
      ],
      "GET /api/v1/users": rows("user", { name: "alice" }),
    });
    const options = { server };
    await expectNames(["create", "llm", "x", "--api-key-ref", ""], options, ["openai/api-key"]);
    await expectNames(["create", "llm", "x", "--api-key-ref=o"], options, ["--api-key-ref=openai/api-key"]);
    await expectNames(["create", "project", "x", "--llm", "c"], options, ["claude"]);
    await expectNames(["create", "agent", "x", "--llm", "c"], options, ["claude"]);
    await expectNames(["create", "group", "x", "--member", ""], options, ["alice"]);
    await expectNames(["create", "rbac", "x", "--subject", "User:"], options, ["User:alice"]);
    expect(await complete(["create", "rbac", "x", "--subject", ""], options)).toEqual([
      "User:",
      "Group:",
      "Token:",
    ]);
    expect(await complete(["create", "token", "x", "--bind", "role:r"], options)).toEqual(["role:run"]);
    expect(await complete(["create", "token", "x", "--bind", "role:run,resource:ll"], options)).toEqual([
      "role:run,resource:llms",
    ]);
    const named = "role:run,resource:llms,name:";
    await expectNames(["create", "token", "x", "--bind", named], options, [
      `${named}claude`,
      `${named}qwen-alice`,
    ]);
    await expectNames(["grant", "a"], options, ["alice"]);
    await expectNames(["audit", "--llm", "q"], options, ["qwen-alice"]);
    await expectNames(["audit", "--user", ""], options, ["alice"]);
    expect(await complete(["wait", "llm/claude", "--for", "status=a"], options)).toEqual(["status=active"]);
    expect(await complete(["wait", "llm/claude", "--for=del"], options)).toEqual(["--for=delete"]);
    expect(await complete(["get", "llms", "--sort-by", ".mo"], options)).toEqual([".model"]);
    expect(await complete(["get", "llms", "--where", "tier="], options)).toEqual(["tier=fast", "tier=heavy"]);
    expect(await complete(["explain", "llm.apiKeyRef."])).toEqual([
      "llm.apiKeyRef.name",
      "llm.apiKeyRef.key",
    ]);
    expect(await complete(["explain", "llm.ti"])).toEqual(["llm.tier", "llm.timeouts"]);
    expect(await complete(["get", "secrets", "--where", "data="], options)).toEqual([]);
  });

  it("offers the words of migrate and rotate and the names of backends", async () => {
    const backends = rows("secretbackend", { name: "default" }, { name: "bao" });
    const server = fakeApi({ "GET /api/v1/secretbackends": backends });
    expect(await complete(["migrate", ""])).toEqual(["secrets"]);
    await expectNames(["migrate", "secrets", "--from", ""], { server }, ["default", "bao"]);
    await expectNames(["migrate", "secrets", "--to=b"], { server }, ["--to=bao"]);
    expect(await complete(["migrate", "secrets", "--names", ""], { server })).toEqual([]);
    expect(await complete(["migrate", "secrets", "--k"])).toEqual(["--keep-source"]);
    expect(await complete(["rotate", ""])).toEqual(["token", "secretbackend", "master-key"]);
    await expectNames(["rotate", "secretbackend", ""], { server }, ["default", "bao"]);
    expect(await complete(["rotate", "master-key", ""], { server })).toEqual([]);
    expect(await complete(["create", "secretbackend", "x", "--wi"])).toEqual(["--wizard"]);
  });

  it("offers the providers of this machine and the actions on them", async () => {
    const home = newHome();
    expect(await complete(["provider", ""], { home })).toEqual([]);
    const providers = [{ name: "qwen", model: "qwen3:8b" }, { name: "big" }];
    writeFileSync(join(home, "config.json"), JSON.stringify({ llm: { providers } }), { mode: 0o600 });
    expect(await complete(["provider", ""], { home })).toEqual(["qwen", "big"]);
    expect(await complete(["provider", "qwen", ""], { home })).toEqual(["up", "down", "status"]);
  });

  it("offers contexts", async () => {
    const home = newHome();
    await cli("config set-context home --server http://h:1", { home });
    expect(await complete(["config", "use-context", ""], { home })).toEqual(["home"]);
    expect(await complete(["get", "--context", "h"], { home })).toEqual(["home"]);
  });

  it("caches names for ten seconds and one token in a file that only the user can read", async () => {
    const server = fakeApi(catalogueResponses());
    const home = newHome();
    /** Returns the number of requests that the completion needed. */
    const requestsAt = async (now: string, env = {}) => {
      const before = server.requests.length;
      await expectNames(["get", "llm", "c"], { server, home, now, env }, ["claude"]);
      return server.requests.length - before;
    };
    expect(await requestsAt("2026-11-21T12:00:00Z")).toBeGreaterThan(0);
    expect(await requestsAt("2026-11-21T12:00:09Z")).toBe(0);
    expect(await requestsAt("2026-11-21T12:00:09Z", { MCPCTL_TOKEN: "another" })).toBeGreaterThan(0);
    expect(await requestsAt("2026-11-21T12:00:11Z")).toBeGreaterThan(0);
    const files = readdirSync(join(home, "cache"));
    expect(files).toHaveLength(2);
    for (const file of files) expect(statSync(join(home, "cache", file)).mode & 0o777).toBe(0o600);
  });

  it("asks the server that the typed flags name", async () => {
    const server = fakeApi(catalogueResponses());
    await expectNames(["get", "llm", "--server", server.url, "c"], {}, ["claude"]);
  });

  it("prints nothing if the server is slow, refuses or is down, or the config is not valid", async () => {
    const slow = fakeApi({ "GET /api/v1/llms": () => new Promise(() => {}) });
    expect(await complete(["get", "llm", ""], { server: slow })).toEqual([]);
    const closed = fakeApi({ "GET /api/v1/llms": () => failure(401, "unauthenticated", "log in") });
    expect(await complete(["get", "llm", ""], { server: closed })).toEqual([]);
    await closed.stop();
    expect(await complete(["get", "llm", ""], { server: closed })).toEqual([]);
    const home = newHome();
    writeFileSync(join(home, "config.json"), "broken", { mode: 0o600 });
    expect(await complete(["get", "--context", ""], { home })).toEqual([]);
    expect(await complete([])).not.toEqual([]);
  });

  it.each(["bash", "zsh", "fish"])("prints a script for %s", async (shell) => {
    const { code, stdout } = await cli(["completion", shell]);
    expect(code).toBe(0);
    expectGolden(`completion-${shell}.txt`, stdout);
  });

  it("completes in a real bash, which expands nothing of it (T110)", async () => {
    const { stdout: script } = await cli("completion bash");
    const drive = `
mcpctl() { printf '%s\\n' "\${@:3}" >&2; printf 'claude\\tone\\nclear\\ntokens\\n'; }
${script}
COMP_LINE='mcpctl get llm $(touch /nowhere) cl and more'; COMP_POINT=35
_mcpctl; printf '<%s>' "\${COMPREPLY[@]}"`;
    const bash = Bun.spawnSync(["bash", "--norc", "-c", drive]);
    expect(bash.stdout.toString()).toBe("<claude><clear>");
    expect(bash.exitCode).toBe(0);
  });
});
