import { copyFileSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  type BinaryServer,
  binary,
  cleanEnv,
  freePort,
  freshFolder,
  mcpctl,
  must,
  startBinary,
  textOf,
} from "../support/binary.ts";
import { passes } from "../support/passes.ts";

const program = join(import.meta.dirname, "../support/mcp-stdio-server.ts");

it("a server with a relative --data-dir tells the command that reaches it, and runs MCP servers in a sandbox", async () => {
  const home = freshFolder();
  const server = await startBinary({ home, args: ["--data-dir", "here"] });
  const socket = join(home, "here/mcpctl.sock");
  await server.logs(/next: /);
  const [, words] = /next: mcpctl (.*?) {4}/.exec(server.said.stderr)!;
  expect(words).toBe(`--server unix://${socket} init`);
  const run = (line: string) => must(mcpctl(line, { home, env: { MCPCTL_SERVER: `unix://${socket}` } }));
  expect(await run(words!.replace("init", "get llms"))).toBe("");
  const source = `--command ${process.execPath} --command ${program} --read ${program}`;
  await run(`create server tools ${source}`);
  await run("create project demo --server tools --proxy-model none");
  await run("wait server/tools --for=status=ready --timeout 60s");
  const reached = await run('test mcp -p demo --tool echo --args {"text":"hi"}');
  expect(reached).toContain("hi");
});

it("a server whose file an upgrade has replaced goes on to start MCP servers, in every sandbox (failure mode 237)", async () => {
  const home = freshFolder();
  const [file, next] = [join(home, "mcpctl"), join(home, "next")];
  copyFileSync(binary, file);
  copyFileSync(binary, next);
  const server = await startBinary({ home, before: ["sh", "-c", `shift; exec ${file} "$@"`, "sh"] });
  renameSync(next, file);
  await must(server.run("create project demo --proxy-model none"));
  for (const sandbox of ["none", "auto"]) {
    const source = `--command ${process.execPath} --command ${program} --sandbox ${sandbox}`;
    await must(server.run(`create server in-${sandbox} ${source}`));
    await must(server.run(`attach-server in-${sandbox} -p demo`));
  }
  const expected = "echo,in-auto_echo";
  expect(await must(server.run(`test mcp -p demo --expect-tools ${expected}`))).toContain("all 2");
});

/** A server with a project whose only MCP server runs over standard input and output, and a token for that project. */
async function open(): Promise<{
  server: BinaryServer;
  token: string;
  tokenFile: string;
  restart(): Promise<void>;
}> {
  const home = freshFolder();
  const port = await freePort();
  const start = () => startBinary({ home, args: ["--listen", `127.0.0.1:${port}`] });
  let server = await start();
  const { run } = server;
  await must(
    run([
      "create",
      "server",
      "tools",
      "--command",
      process.execPath,
      "--command",
      program,
      "--sandbox",
      "none",
    ]),
  );
  await must(run("create project demo --server tools --proxy-model none"));
  const made = await must(run("create token narrow --bind role:run,resource:projects,name:demo"));
  const token = made.trim().split("\n").at(-1)!;
  const tokenFile = join(home, "narrow.token");
  await Bun.write(tokenFile, token);
  return {
    get server() {
      return server;
    },
    token,
    tokenFile,
    async restart() {
      server.kill("SIGKILL");
      await server.ended;
      server = await start();
    },
  };
}

const bridgeArgs = ({ url }: { url: string }, tokenFile: string) => [
  "mcp",
  "-p",
  "demo",
  "--server",
  url,
  "--token-file",
  tokenFile,
];

const modes = { modern: { pin: "2026-07-28" }, legacy: "legacy" } as const;

type Era = keyof typeof modes;

async function connected(
  transport: ConstructorParameters<typeof StdioClientTransport>[0] | URL,
  token: string,
  era: Era,
) {
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: modes[era] } });
  onTestFinished(() => client.close());
  const open =
    transport instanceof URL
      ? new StreamableHTTPClientTransport(transport, {
          requestInit: { headers: { authorization: `Bearer ${token}` } },
        })
      : new StdioClientTransport(transport);
  await client.connect(open);
  return client;
}

/** The text of a result. */
const textIn = (result: unknown) => (result as { content: { text: string }[] }).content[0]!.text;

const echo = async (client: Client, text: string) =>
  textIn(await client.callTool({ name: "echo", arguments: { text } }));

/** A bridge without a client: its input is written by the test. */
function bridge(url: string, tokenFile: string) {
  const child = Bun.spawn([binary, ...bridgeArgs({ url }, tokenFile)], {
    env: cleanEnv(freshFolder()),
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  onTestFinished(() => child.kill("SIGKILL"));
  const send = (message: object) => {
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    void child.stdin.flush();
  };
  return { child, send };
}

const initialize = {
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

describe("MCP clients of the compiled program", () => {
  it("use a project in both eras, over HTTP and over mcpctl mcp, and none has the token in its arguments (T188)", async () => {
    const { server, token, tokenFile } = await open();
    const url = new URL(`${server.url}/projects/demo/mcp`);
    await passes(
      async () => expect((await server.run("test mcp -p demo --expect-tools echo,pid")).code).toBe(0),
      200,
    );
    const pids = new Set<string>();
    for (const era of ["modern", "legacy"] as const) {
      for (const transport of [
        url,
        { command: binary, args: bridgeArgs(server, tokenFile), env: cleanEnv(freshFolder()) },
      ]) {
        const client = await connected(transport, token, era);
        expect(client.getServerVersion()?.name).toBe("mcpctl");
        const { tools } = await client.listTools();
        expect(tools.map(({ name }) => name)).toEqual(["broken", "echo", "pid", "slow"]);
        expect(await echo(client, `${era} größe`)).toBe(`${era} größe`);
        pids.add(textIn(await client.callTool({ name: "pid", arguments: {} })));
        const parts: unknown[] = [];
        // The SDK forgets progress that it reads together with the answer.
        await passes(async () => {
          await client.callTool(
            { name: "slow", arguments: { milliseconds: 50 } },
            { onprogress: (progress) => parts.push(progress) },
          );
          expect(parts.length).toBeGreaterThan(0);
        }, 10);
        expect(argumentsOfAll()).not.toContain(token);
      }
    }
    // All share one process of the server.
    expect(pids.size).toBe(1);
  });

  it.each(["modern", "legacy"] as const)(
    "go on over mcpctl mcp after the server was killed with -9 and started again: %s (failure mode 151)",
    async (era) => {
      const opened = await open();
      const { token, tokenFile } = opened;
      const args = bridgeArgs(opened.server, tokenFile);
      const client = await connected({ command: binary, args, env: cleanEnv(freshFolder()) }, token, era);
      await passes(async () => expect(await echo(client, "before")).toBe("before"));
      await opened.restart();
      expect(await echo(client, "after")).toBe("after");
      expect((await client.listTools()).tools).toHaveLength(4);
    },
  );
});

it("limits of users and groups on MCP calls hold in both eras, over HTTP and mcpctl mcp, and after kill -9", async () => {
  const opened = await open();
  const { admin, call } = opened.server;
  const bearerOf = async (name: string) => {
    const password = `${name}-password`;
    await admin("POST", "/api/v1/users", { name, password });
    await admin("POST", "/api/v1/rbac", {
      name: `of-${name}`,
      subjects: [{ kind: "User", name }],
      roleBindings: [{ role: "run", resource: "projects" }],
    });
    return (await call("POST", "/api/v1/auth/login", { body: { user: name, password } })).body
      .token as string;
  };
  const bearers = { alice: await bearerOf("alice"), bob: await bearerOf("bob") };
  await must(opened.server.run("patch user alice limits.mcpCallsPerDay=2"));
  await must(opened.server.run("create group team --member alice --member bob --limit mcpCallsPerDay=3"));
  await must(opened.server.run("test mcp -p demo --expect-tools echo"));
  const clientOf = async (name: keyof typeof bearers, era: Era, isStdio: boolean) => {
    const { url, home } = opened.server;
    const tokenFile = join(home, `${name}.token`);
    await Bun.write(tokenFile, bearers[name]);
    const env = cleanEnv(freshFolder());
    const way = isStdio ? { command: binary, args: bridgeArgs({ url }, tokenFile), env } : undefined;
    return connected(way ?? new URL(`${url}/projects/demo/mcp`), bearers[name], era);
  };
  expect(await echo(await clientOf("alice", "modern", false), "1")).toBe("1");
  const alice = await clientOf("alice", "legacy", true);
  expect(await echo(alice, "2")).toBe("2");
  await expect(echo(alice, "3")).rejects.toThrow('user "alice" has used 2 of its 2 MCP calls of today');
  expect(await echo(await clientOf("bob", "legacy", false), "3")).toBe("3");
  await opened.restart();
  for (const [era, isStdio] of [
    ["modern", true],
    ["legacy", false],
  ] as const)
    await expect(echo(await clientOf("bob", era, isStdio), "4")).rejects.toThrow(
      'group "team" has used 3 of its 3 MCP calls of today',
    );
});

describe("mcpctl mcp", () => {
  it("hands on that its client has cancelled a call, in both eras (failure mode 235)", async () => {
    const { server, token, tokenFile } = await open();
    const journal = join(server.home, "journal");
    const scripted = join(import.meta.dirname, "../support/mcp/scripted-stdio.ts");
    const words = [process.execPath, scripted, journal].flatMap((word) => ["--command", word]);
    await must(server.run(["create", "server", "waits", ...words, "--sandbox", "none"]));
    await must(server.run("attach-server waits -p demo"));
    await must(server.run("test mcp -p demo --expect-tools wait"));
    const noted = (line: string) => passes(() => expect(readFileSync(journal, "utf8")).toContain(line));
    const args = bridgeArgs(server, tokenFile);
    for (const era of ["modern", "legacy"] as const) {
      const client = await connected({ command: binary, args, env: cleanEnv(freshFolder()) }, token, era);
      const leaving = new AbortController();
      const call = client.callTool(
        { name: "wait", arguments: { text: era } },
        { signal: leaving.signal, timeout: 300_000 },
      );
      await noted(`waiting 1 ${era}\n`);
      leaving.abort();
      await expect(call).rejects.toThrow();
      await noted(`cancelled ${era}\n`);
    }
  });

  it("answers what it was asked and ends with 0 when its input ends (failure mode 152)", async () => {
    const { server, tokenFile } = await open();
    const { child, send } = bridge(server.url, tokenFile);
    send(initialize);
    send({ method: "notifications/initialized" });
    send({ id: 2, method: "ping" });
    await child.stdin.end();
    const lines = (await textOf(child.stdout))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ id }) => id)).toEqual([1, 2]);
    expect({ code: await child.exited, stderr: await textOf(child.stderr) }).toEqual({
      code: 0,
      stderr: "",
    });
  });

  it("ends when the reader of its output has gone, and on SIGTERM (failure mode 152)", async () => {
    const { server, tokenFile } = await open();
    for (const how of ["reader", "SIGTERM"] as const) {
      const { child, send } = bridge(server.url, tokenFile);
      const reader = child.stdout.getReader();
      send(initialize);
      expect(new TextDecoder().decode((await reader.read()).value)).toContain('"id":1');
      if (how === "SIGTERM") child.kill("SIGTERM");
      else {
        await reader.cancel();
        for (let id = 2; child.exitCode === null && id < 200; id++) {
          send({ id, method: "ping" });
          await Promise.race([child.exited, Bun.sleep(50)]);
        }
      }
      await child.exited;
      expect(await textOf(child.stderr)).toBe("");
    }
  });

  it("tells the client why a request fails: no right, no valid token", async () => {
    const { server } = await open();
    const other = join(server.home, "other.token");
    const made = await must(server.run("create token nothing"));
    await Bun.write(other, made.trim().split("\n").at(-1)!);
    for (const [file, words] of [
      [other, "you may not run project"],
      [await written(server.home, "mcpctl_pat_wrong"), "token"],
    ] as const) {
      const { child, send } = bridge(server.url, file);
      send(initialize);
      await child.stdin.end();
      const answer = JSON.parse(await textOf(child.stdout));
      expect(answer).toMatchObject({ id: 1, error: { code: -32000 } });
      expect(answer.error.message).toContain(words);
      await child.exited;
    }
  });
});

async function written(folder: string, text: string): Promise<string> {
  const path = join(folder, "wrong.token");
  await Bun.write(path, text);
  return path;
}

/** The arguments of all processes of this machine. */
function argumentsOfAll(): string {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return "";
      }
    })
    .join("\n");
}
