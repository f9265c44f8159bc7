import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { cli } from "../../support/cli/run-cli.ts";
import { must, type TestServer, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { goodProvider, upstream } from "../../support/upstream.ts";

const main = join(import.meta.dirname, "../../../src/main.ts");

/** A server with two llms and a project, and a user who may run them. */
async function open() {
  const server = await testServer();
  const provider = upstream(goodProvider);
  for (const name of ["gpt", "local"])
    await must(
      server.admin("POST", "/api/v1/llms?probe=false", {
        name,
        type: "vllm",
        model: "up",
        url: provider.url,
      }),
    );
  await must(server.admin("POST", "/api/v1/projects", { name: "demo" }));
  const { bearer } = await server.user("alice", [
    { role: "create", resource: "tokens" },
    { role: "delete", resource: "tokens" },
    { role: "view", resource: "llms" },
    { role: "run", resource: "llms" },
    { role: "run", resource: "projects" },
  ]);
  const folder = temporaryFolder();
  const env = {
    HOME: folder,
    PATH: process.env["PATH"]!,
    MCPCTL_TOKEN: bearer,
    ANTHROPIC_API_KEY: "sk-mine",
    MCPCTL_DATABASE_URL: "postgres://user:password@db/x",
    MY: "kept",
  };
  const run = (line: readonly string[], signal?: AbortSignal) =>
    cli(["run", ...line], { server, home: folder, env, ...(signal && { signal }) });
  const tokens = async () =>
    (await server.admin("GET", "/api/v1/tokens")).body as { name: string; roleBindings: object[] }[];
  return { server, bearer, folder, env, run, tokens };
}

/** Starts the command line as a process of its own. */
function spawn({ url }: TestServer, env: Record<string, string>, words: readonly string[]) {
  const child = Bun.spawn([process.execPath, main, "run", "--llm", "gpt", "--", ...words], {
    env: { ...env, MCPCTL_SERVER: url },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  onTestFinished(() => child.kill("SIGKILL"));
  return child;
}

describe("mcpctl run", () => {
  it("gives a program the variables and a token that dies with it, and passes its exit code on (T245)", async () => {
    const { server, bearer, folder, run, tokens } = await open();
    const file = join(folder, "out");
    const script = `env > ${file}; tr '\\0' ' ' < /proc/$PPID/cmdline > ${file}.args; exit 7`;
    const { code, stdout, stderr } = await run(["--llm", "local", "-p", "demo", "--", "sh", "-c", script]);
    expect({ code, stdout, stderr }).toEqual({ code: 7, stdout: "", stderr: "" });
    const seen = Object.fromEntries(
      readFileSync(file, "utf8")
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
    const token = seen["OPENAI_API_KEY"]!;
    expect(seen).toMatchObject({
      OPENAI_BASE_URL: `${server.url}/v1`,
      OPENAI_MODEL: "local",
      ANTHROPIC_BASE_URL: server.url,
      ANTHROPIC_AUTH_TOKEN: token,
      ANTHROPIC_MODEL: "local",
      MCPCTL_SERVER: server.url,
      MCPCTL_TOKEN: token,
      MCPCTL_PROJECT_URL: `${server.url}/projects/demo/mcp`,
      MY: "kept",
    });
    expect(seen).not.toHaveProperty("ANTHROPIC_API_KEY");
    expect(seen).not.toHaveProperty("MCPCTL_DATABASE_URL");
    expect(token).toMatch(/^mcpctl_pat_/);
    expect(token).not.toBe(bearer);
    expect(readFileSync(`${file}.args`, "utf8")).not.toContain(token);
    expect(await tokens()).toEqual([]);
    expect((await server.as(token)("GET", "/api/v1/auth/whoami")).status).toBe(401);
  });

  it("lets the program call the llms that were named, and no others", async () => {
    const { server, folder, run, tokens } = await open();
    const call = (name: string) =>
      `curl -s -o /dev/null -w '%{http_code} ' $OPENAI_BASE_URL/chat/completions -H "authorization: Bearer $OPENAI_API_KEY" -H 'content-type: application/json' -d '{"model":"${name}","messages":[{"role":"user","content":"hi"}]}' >> ${folder}/codes`;
    await run(["--llm", "gpt", "--", "sh", "-c", `${call("gpt")}; ${call("local")}`]);
    await run(["--llm", "gpt", "--llm", "local", "--", "sh", "-c", `${call("gpt")}; ${call("local")}`]);
    expect(readFileSync(`${folder}/codes`, "utf8")).toBe("200 403 200 200 ");
    expect(await tokens()).toEqual([]);
    const events = (await server.admin("GET", "/api/v1/audit?action=create")).body;
    expect(JSON.stringify(events)).toContain("run-sh-");
  });

  it("passes SIGTERM on, waits for the program, and revokes the token", async () => {
    const { server, env, tokens } = await open();
    const child = spawn(server, env, [
      "sh",
      "-c",
      'trap "echo stopping; exit 3" TERM; echo ready; while :; do sleep 0.05; done',
    ]);
    const reader = child.stdout.getReader();
    const text = async () => new TextDecoder().decode((await reader.read()).value);
    expect(await text()).toBe("ready\n");
    expect(await tokens()).toHaveLength(1);
    child.kill("SIGTERM");
    expect(await text()).toBe("stopping\n");
    expect(await child.exited).toBe(3);
    expect(await tokens()).toEqual([]);
  });

  it("exits as the shell says it when a signal ended the program, also after Ctrl-C", async () => {
    const { server, env, tokens } = await open();
    const child = spawn(server, env, ["sh", "-c", "echo ready; exec sleep 60"]);
    await child.stdout.getReader().read();
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect(await new Response(child.stderr).text()).toBe("");
    expect(await tokens()).toEqual([]);
  });

  it("leaves a token that expires within an hour if it is killed", async () => {
    const { server, env } = await open();
    const child = spawn(server, env, ["sh", "-c", "echo ready; exec sleep 20"]);
    await child.stdout.getReader().read();
    const hours = async () => {
      const [token] = (await server.admin("GET", "/api/v1/tokens")).body;
      return (Date.parse(token.expiresAt) - Date.now()) / 3_600_000;
    };
    await expect.poll(hours).toBeLessThan(1.01);
    child.kill("SIGKILL");
    await child.exited;
    expect(await hours()).toBeGreaterThan(0.5);
  });

  it.each([
    ["no such program", ["--llm", "gpt", "--", "no-such-program-here"], 3, 'there is no program "no-such'],
    ["no program", ["--llm", "gpt"], 2, "PROGRAM is missing"],
    ["several llms and none named", ["--", "true"], 2, "choose one with --llm NAME"],
    ["no such llm", ["--llm", "gtp", "--", "true"], 3, 'did you mean "gpt"?'],
  ])("makes no token for %s", async (_, line, code, words) => {
    const { run, tokens } = await open();
    const answer = await run(line);
    expect(answer.code).toBe(code);
    expect(answer.stderr).toContain(words);
    expect(await tokens()).toEqual([]);
  });
});
