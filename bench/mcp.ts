import { join } from "node:path";
import type { LoadJob, LoadResult } from "./load.ts";
import { type LongResultFigures, longTool, measureLongResults } from "./mcp-long-results.ts";
import { startMcpPeer } from "./mcp-peer.ts";
import type { ProgramOptions } from "./mcp-program.ts";
import { mcpRequest, nonce } from "./mcp-request.ts";
import type { SdkProgramOptions } from "./mcp-sdk-program.ts";
import type { SessionsJob, SessionsResult } from "./mcp-sessions.ts";
import type { StdioJob, StdioResult } from "./mcp-stdio-load.ts";
import { create, createToken, Installation, type Mcpctl } from "./mcpctl.ts";
import { freePort, type Processes, type Started } from "./processes.ts";
import { sendOnce } from "./send-once.ts";
import { processesWith } from "./soak-mcp-servers.ts";
import { ownName, type Setting } from "./subjects.ts";
import { compare, type Measured, measureLoad, type Pace, type ThroughputRow } from "./throughput.ts";

export interface McpPlan extends Pace {
  /** Calls under way at a time, of each measurement. */
  concurrent: readonly number[];
  sessions: number;
}

/** Calls of a tool, by the transport of its server. */
export interface McpCallRow extends ThroughputRow {
  transport: "stdio" | "http";
}

export interface McpReport {
  calls: McpCallRow[];
  /** Idle sessions of clients of older revisions. Bytes of the server. */
  sessions: SessionsResult & { count: number };
  /** All tools of all servers in one answer. Milliseconds. */
  listing: { servers: number; tools: number; bytes: number; p50: number; p99: number };
  longResults: LongResultFigures;
  /** Processes of servers that nobody has called, and after one call. */
  lazy: { servers: number; unused: number; used: number };
}

/** Something that is called: over the pipes of a process, or with an HTTP request. */
interface McpSubject {
  name: string;
  pid?: number;
  load: { command: readonly string[] } | { port: number; request: string };
}

const program = join(import.meta.dirname, "mcp-program.ts");
const project = "bench";
const path = `/projects/${project}/mcp`;
const long = { whole: "bench-whole", cut: "bench-cut" };
const many = { servers: 20, tools: 25, project: "bench-many" };

/** Measures calls of MCP servers through the endpoint of a project and without it, and what sessions and servers cost. */
export async function measureMcp(
  { processes, withPeers }: Pick<Setting, "processes" | "withPeers">,
  command: readonly string[],
  plan: McpPlan,
  say: (text: string) => void,
): Promise<McpReport> {
  const installation = new Installation(processes, command, "mcpctl-mcp");
  let server = await installation.start();
  const mark = `bench-${crypto.randomUUID()}`;
  const port = freePort();
  const upstream = await processes.startServer("mcp-http", sdkCommand({ tool: "http", port }), port);
  const stdio = sdkCommand({ tool: "stdio" });
  await define(server, { stdio, httpPort: port, mark });
  const bearer = await createToken(server, "mcp", [{ role: "run", resource: "*" }]);
  const headers = { authorization: `Bearer ${bearer}` };
  const calls: McpCallRow[] = [];
  for (const transport of ["stdio", "http"] as const) {
    const direct: McpSubject =
      transport === "stdio"
        ? { name: directName, load: { command: stdio } }
        : { name: directName, ...overHttp(upstream, "/mcp", transport) };
    const own = { name: ownName, ...overHttp(server, path, transport, headers) };
    const peer = withPeers && transport === "stdio" ? await startMcpPeer(processes, stdio) : undefined;
    const peers = peer
      ? [{ name: peer.name, ...overHttp(peer.started, "/mcp", transport, peer.headers) }]
      : [];
    for (const subject of [own, ...peers]) await check(subject);
    for (const connections of plan.concurrent) {
      say(`${transport}, ${connections} at a time`);
      const compared = { direct, baseline: direct, own, peers };
      const rows = await compare(compared, connections, plan.rounds, (one) =>
        measure(processes, one, connections, transport, plan),
      );
      calls.push(...rows.map((row) => ({ ...row, transport })));
    }
    await peer?.started.stop();
  }
  say(`${many.servers} servers of ${many.tools} tools each`);
  const request = mcpRequest({
    port: server.port,
    path: `/projects/${many.project}/mcp`,
    method: "tools/list",
    headers,
  });
  const { warmUp, duration } = plan;
  const listing = await loadOf(processes, {
    port: server.port,
    requests: [request],
    connections: 1,
    warmUp,
    duration,
  });
  const bytes = Buffer.byteLength(await (await sendOnce(server.port, request)).text());
  // A program that was started for the list runs until it is idle; a server that has started again has none.
  await server.stop();
  server = await installation.start();
  const unused = processesWith(mark).length;
  await check({
    name: ownName,
    ...overHttp(server, `/projects/${many.project}/mcp`, "tool_0_0", headers),
  });
  const used = processesWith(mark).length;
  say("results of 5 MB");
  const longCall = (name: string) => {
    const path = `/projects/${name}/mcp`;
    const request = mcpRequest({ port: server.port, path, method: "tools/call", name: longTool, headers });
    return async () => (await (await sendOnce(server.port, request)).arrayBuffer()).byteLength;
  };
  const longResults = await measureLongResults({
    command: sdkCommand({ tool: longTool }),
    whole: longCall(long.whole),
    page: longCall(long.cut),
  });
  say(`${plan.sessions} idle sessions`);
  const sessions = await processes.ask<SessionsResult>("mcp-sessions.ts", {
    url: `http://127.0.0.1:${server.port}${path}`,
    bearer,
    sessions: plan.sessions,
    pid: server.pid,
  } satisfies SessionsJob);
  await server.stop();
  await upstream.stop();
  return {
    calls,
    sessions: { ...sessions, count: plan.sessions },
    listing: {
      servers: many.servers,
      tools: many.servers * many.tools,
      bytes,
      p50: listing.latency.p50,
      p99: listing.latency.p99,
    },
    longResults,
    lazy: { servers: many.servers, unused, used },
  };
}

/** The name of the upstream without anything before it, in tables. */
export const directName = "the MCP server itself";

function sdkCommand(options: SdkProgramOptions): string[] {
  return [process.execPath, join(import.meta.dirname, "mcp-sdk-program.ts"), JSON.stringify(options)];
}

function programCommand(options: Omit<ProgramOptions, "era">): string[] {
  return [process.execPath, program, JSON.stringify({ era: "modern", ...options } satisfies ProgramOptions)];
}

function overHttp(
  { pid, port }: Started,
  path: string,
  name: string,
  headers: Readonly<Record<string, string>> = {},
): Pick<McpSubject, "pid" | "load"> {
  return { pid, load: { port, request: mcpRequest({ port, path, method: "tools/call", name, headers }) } };
}

/** Makes a project with one server of each transport, and one with many servers. Returns when all are listed. */
async function define(
  server: Mcpctl,
  { stdio, httpPort, mark }: { stdio: readonly string[]; httpPort: number; mark: string },
): Promise<void> {
  await create(server, "servers", { name: "stdio", command: stdio, sandbox: "none" });
  await create(server, "servers", { name: "http", url: `http://127.0.0.1:${httpPort}/mcp` });
  await create(server, "projects", { name: project, proxyModel: "none", servers: ["stdio", "http"] });
  await create(server, "servers", {
    name: longTool,
    command: sdkCommand({ tool: longTool }),
    sandbox: "none",
  });
  for (const [name, proxyModel] of [
    [long.whole, "none"],
    [long.cut, "content-pipeline"],
  ])
    await create(server, "projects", { name, proxyModel, servers: [longTool] });
  const names = Array.from({ length: many.servers }, (_, i) => `many-${i}`);
  for (const [i, name] of names.entries()) {
    const tools = Array.from({ length: many.tools }, (_, n) => `tool_${i}_${n}`);
    await create(server, "servers", { name, command: programCommand({ tools, mark }), sandbox: "none" });
  }
  await create(server, "projects", { name: many.project, proxyModel: "none", servers: names });
  const late = performance.now() + 60_000;
  while (true) {
    const response = await fetch("http://localhost/api/v1/servers", { unix: server.socket });
    const rows = (await response.json()) as { toolCount: number }[];
    if (rows.every(({ toolCount }) => toolCount > 0)) return;
    if (performance.now() > late) throw new Error("not all MCP servers have listed their tools");
    await Bun.sleep(50);
  }
}

/** Calls once. Throws unless the answer is the right one: a load counts statuses only. */
async function check({ name, load }: McpSubject): Promise<void> {
  if (!("port" in load)) return;
  const response = await sendOnce(load.port, load.request);
  const text = await response.text();
  if (response.status !== 200 || !text.includes(nonce))
    throw new Error(`${name} does not answer a call: ${response.status} ${text.slice(0, 300)}`);
}

async function measure(
  processes: Processes,
  { load, pid }: McpSubject,
  connections: number,
  tool: string,
  { warmUp, duration }: Pace,
): Promise<Measured> {
  if ("command" in load)
    return processes.ask<StdioResult>("mcp-stdio-load.ts", {
      command: load.command,
      ...{ tool, connections, warmUp, duration },
    } satisfies StdioJob);
  return measureLoad([pid!], () =>
    loadOf(processes, { port: load.port, requests: [load.request], connections, warmUp, duration }),
  );
}

function loadOf(processes: Processes, job: LoadJob): Promise<LoadResult> {
  return processes.ask<LoadResult>("load.ts", job);
}
