import { describe, expect, it } from "vitest";
import { FakeClock } from "../../support/agent/fake-clock.ts";
import { type McpTestServer, mcpTestServer, until } from "../../support/mcp/runtime.ts";
import { scriptedHttp } from "../../support/mcp/scripted-http.ts";
import { must } from "../../support/server.ts";

const accept = "application/json, text/event-stream";
const request = (id: number, method: string, params: object = {}) => ({ jsonrpc: "2.0", id, method, params });

/** Begins a session of a legacy client in a project. */
async function session(mcp: McpTestServer, project: string) {
  const endpoint = `/projects/${project}/mcp`;
  const initialize = request(0, "initialize", {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "test", version: "1" },
  });
  const { headers } = await must(mcp.admin("POST", endpoint, initialize, { accept }));
  const own = { "mcp-session-id": headers.get("mcp-session-id")!, "mcp-protocol-version": "2025-11-25" };
  return {
    headers: own,
    async call(name: string, args: object = {}): Promise<string> {
      const { text } = await mcp.admin(
        "POST",
        endpoint,
        request(1, "tools/call", { name, arguments: args }),
        {
          accept,
          ...own,
        },
      );
      const { result, error } = JSON.parse(text.slice(text.indexOf('{"')).split("\n")[0]!);
      return error?.message ?? result.content[0].text;
    },
  };
}

const projects = ["p", "q", "r"];

/** The projects, all with the same MCP servers. */
async function withProjects(mcp: McpTestServer): Promise<void> {
  const { body } = await must(mcp.admin("GET", "/api/v1/projects/p"));
  for (const name of projects.slice(1))
    await must(mcp.admin("POST", "/api/v1/projects", { name, servers: body.servers, proxyModel: "none" }));
}

describe("one MCP server of several projects", () => {
  it("is one process for all their sessions, which call it beside each other (reports 1, 3, 7, 10)", async () => {
    const before = await mcpTestServer();
    const files = await before.define("files");
    await withProjects(before);
    await before.stop();
    // Nothing runs: all calls find no process at the same time.
    const mcp = await mcpTestServer({ folder: before.folder });
    const sessions = await Promise.all([...projects, ...projects].map((project) => session(mcp, project)));
    const results = sessions.map(({ call }, i) => call("wait", { text: `call ${i}` }));
    // All of them are under way at a time.
    await files.until("waiting 6");
    files.mark("go");
    expect(await Promise.all(results)).toEqual(sessions.map((_, i) => `call ${i}`));
    expect(files.count("start ")).toBe(2);
    expect(files.alive()).toHaveLength(1);
  });

  it("is one session elsewhere, which is made again once for all when it is lost (reports 12, 13)", async () => {
    const far = scriptedHttp();
    const mcp = await mcpTestServer();
    await mcp.attach("far", { url: far.url });
    await until(
      () => mcp.row("far"),
      ({ toolCount }) => toolCount > 0,
    );
    await withProjects(mcp);
    const sessions = await Promise.all(projects.map((project) => session(mcp, project)));
    const all = () => Promise.all(sessions.map(({ call }) => call("where")));
    expect(new Set(await all())).toEqual(new Set(["session 1 where"]));
    far.forget();
    expect(new Set(await all())).toEqual(new Set(["session 2 where"]));
    expect(far.seen.filter((method) => method === "initialize")).toHaveLength(2);
  });
});

it("a session that holds its stream open keeps no process that nobody calls, and gets one for its next call (reports 5, 6)", async () => {
  const clock = new FakeClock();
  const mcp = await mcpTestServer({ time: clock });
  const files = await mcp.define("files", { sharing: "session", idleMinutes: 2 });
  const { headers, call } = await session(mcp, "p");
  const leaving = new AbortController();
  const stream = await fetch("http://localhost/projects/p/mcp", {
    unix: mcp.socketPath,
    headers: { accept: "text/event-stream", ...headers },
    signal: leaving.signal,
  });
  expect(stream.status).toBe(200);
  for (let round = 1; round <= 2; round++) {
    // The folder of the process before may be on its way out.
    expect(await call("count")).toBe("1");
    expect(files.alive().length).toBeGreaterThan(0);
    await clock.until(() => files.alive().length === 0, 10_000);
  }
  leaving.abort();
});

it("a server that fails or hangs hides and delays nothing of the others (reports 2, 19, 27)", async () => {
  const mcp = await mcpTestServer();
  await mcp.define("good");
  const stuck = await mcp.define("stuck");
  await mcp.attach("gone", { command: ["no-such-program-here"], sandbox: "none" });
  await until(
    () => mcp.row("gone"),
    ({ status }) => status === "failed",
  );
  const [pid] = stuck.alive() as [number];
  process.kill(pid, "SIGSTOP");
  try {
    const tools = await mcp.tools();
    expect(tools).toEqual(expect.arrayContaining(["count", "stuck_count"]));
    expect(await mcp.call("count")).toEqual({ text: "1" });
    const { body } = await must(mcp.admin("GET", "/api/v1/projects/p/tools"));
    expect(body.length).toBe(tools.length);
    // The one that fails is named where somebody asks for the reason.
    expect((await mcp.row("gone")).conditions[0].message).toContain("no-such-program-here");
  } finally {
    process.kill(pid, "SIGCONT");
  }
});

it("a server that has no stream of its own (405) is listed once, and its tools stay (report 20)", async () => {
  const clock = new FakeClock();
  const far = scriptedHttp();
  const mcp = await mcpTestServer({ time: clock });
  await mcp.attach("far", { url: far.url, healthCheck: { intervalSeconds: 3600 } });
  await until(
    () => mcp.row("far"),
    ({ toolCount }) => toolCount > 0,
  );
  const seen: string[] = [];
  for (let minute = 0; minute < 10; minute++) {
    await clock.advance(60_000);
    seen.push((await mcp.tools()).join());
  }
  expect(new Set(seen)).toEqual(new Set(["where"]));
  expect(far.seen.filter((method) => /^(initialize|tools\/list)/.test(method))).toHaveLength(2);
});

it("of many servers that have to start four do at a time, and nobody waits for them who only lists (report 4)", async () => {
  const mcp = await mcpTestServer();
  const mute = { modes: ["mute"], isBroken: true, startSeconds: 600 };
  const names = ["a", "b", "c", "d", "e", "f"];
  const all = new Map<string, Awaited<ReturnType<typeof mcp.define>>>();
  for (const name of names) all.set(name, await mcp.define(name, mute));
  const started = async () => names.filter((name) => all.get(name)!.count("start ") > 0);
  const first = await until(started, ({ length }) => length === 4);
  expect(await mcp.tools()).toEqual([]);
  expect(await started()).toEqual(first);
  for (const name of first.slice(0, 2))
    await must(mcp.admin("PUT", `/api/v1/servers/${name}`, { ...(await mcp.row(name)), replicas: 0 }));
  await until(started, ({ length }) => length === 6);
});
