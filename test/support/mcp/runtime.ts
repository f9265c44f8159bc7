import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launchHost } from "../../../src/processes/launch/prepare.ts";
import type { ServerOptions } from "../../../src/server/options.ts";
import { eventually } from "../agent/fake-clock.ts";
import { pauses } from "../pauses.ts";
import { type Client, must, type TestServer, testServer } from "../server.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const program = join(import.meta.dirname, "scripted-stdio.ts");
const host = launchHost(process.env);

/** A result of a call of a tool, or the error. */
export interface CallResult {
  text?: string;
  error?: { code: number; message: string };
}

/** A server of mcpctl with the means to run MCP servers. */
export interface McpTestServer extends TestServer {
  /** Makes an MCP server of the scripted program, and attaches it to the project `p`. Returns when it is listed. */
  define(
    name: string,
    spec?: { modes?: string[]; isBroken?: boolean; [field: string]: unknown },
  ): Promise<ScriptedServer>;
  /** Attaches another MCP server to the project. */
  attach(name: string, spec: object): Promise<void>;
  /** Calls a tool of the project, in the modern era. */
  call(
    tool: string,
    args?: object,
    options?: { as?: Client; signal?: AbortSignal; meta?: object },
  ): Promise<CallResult>;
  /** Names of the tools that the project offers. */
  tools(): Promise<string[]>;
  /** The row of an MCP server, as the administrator sees it. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at any field
  row(name: string): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at any field
  instances(): Promise<any[]>;
}

/** The scripted MCP server as a test sees it. */
export interface ScriptedServer {
  /** The lines of its journal so far. */
  journal(): string[];
  /** Number of lines that begin with a text. */
  count(start: string): number;
  /** Sets a marker that the program looks at, or removes it. */
  mark(name: string, content?: string): void;
  unmark(name: string): void;
  /** Returns when the journal has so many lines that begin with a text. */
  until(start: string, count?: number): Promise<void>;
  /** The processes that were started and still run. */
  alive(): number[];
}

/** Returns the option by which a server of a test runs the programs of MCP servers. */
export function testPrograms(folder = temporaryFolder()): ServerOptions["programs"] & object {
  return { folder: join(folder, "mcp"), host, kept: [join(folder, "mcpctl.db")], grace: 300 };
}

/** Starts a server of mcpctl whose MCP servers run without a sandbox. */
export async function mcpTestServer(
  options: Partial<ServerOptions> & { folder?: string } = {},
): Promise<McpTestServer> {
  const folder = options.folder ?? temporaryFolder();
  const server = await testServer({ programs: testPrograms(folder), ...options, folder });
  const { admin } = server;
  const attached: string[] = [];
  const attach = async (name: string, spec: object) => {
    await must(admin("POST", "/api/v1/servers", { name, ...spec }));
    attached.push(name);
    const known = await admin("GET", "/api/v1/projects/p");
    if (known.status === 404)
      await must(admin("POST", "/api/v1/projects", { name: "p", servers: attached, proxyModel: "none" }));
    else await must(admin("PUT", "/api/v1/projects/p", { ...known.body, servers: attached }));
  };
  const post = async (method: string, params: object, as: Client, headers: Record<string, string> = {}) => {
    const meta = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": {},
      "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
    };
    const { _meta: own = {}, ...rest } = params as { _meta?: object };
    const body = { jsonrpc: "2.0", id: 1, method, params: { ...rest, _meta: { ...meta, ...own } } };
    const { text } = await as("POST", "/projects/p/mcp", body, {
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...headers,
    });
    // A stream has its answer in the last event.
    const json = text.startsWith("{") ? text : text.slice(text.lastIndexOf("data: ") + 6);
    return JSON.parse(json);
  };
  return {
    ...server,
    attach,
    async define(name, { modes = [], isBroken = false, ...spec } = {}) {
      const journal = join(folder, `${name}.journal`);
      const command = [process.execPath, program, journal, ...modes];
      await attach(name, { command, sandbox: "none", ...spec });
      const read = async () => (await must(admin("GET", `/api/v1/servers/${name}`))).body;
      if (!isBroken) await until(read, ({ toolCount }) => toolCount > 0);
      return scripted(journal);
    },
    async call(tool, args = {}, { as = admin, meta } = {}) {
      const params = { name: tool, arguments: args, ...(meta && { _meta: meta }) };
      const { result, error } = await post("tools/call", params, as, { "mcp-name": tool });
      return error ? { error } : { text: result.content[0].text };
    },
    async tools() {
      const { result } = await post("tools/list", {}, admin);
      return result.tools.map(({ name }: { name: string }) => name);
    },
    row: async (name) => (await must(admin("GET", `/api/v1/servers/${name}`))).body,
    instances: async () => (await must(admin("GET", "/api/v1/instances"))).body,
  };
}

/** Makes the scripted server and the project `p` by the API of a server of mcpctl. Returns when it is listed. */
export async function defineScripted(admin: Client, folder: string, spec: object): Promise<ScriptedServer> {
  const journal = join(folder, "files.journal");
  const command = [process.execPath, program, journal];
  await must(admin("POST", "/api/v1/servers", { name: "files", command, sandbox: "none", ...spec }));
  await must(admin("POST", "/api/v1/projects", { name: "p", servers: ["files"], proxyModel: "none" }));
  await until(
    async () => (await must(admin("GET", "/api/v1/servers/files"))).body,
    ({ toolCount }) => toolCount > 0,
  );
  return scripted(journal);
}

function scripted(journal: string): ScriptedServer {
  const lines = () => (existsSync(journal) ? readFileSync(journal, "utf8").split("\n").filter(Boolean) : []);
  const count = (start: string) => lines().filter((line) => line.startsWith(start)).length;
  return {
    journal: lines,
    count,
    mark: (name, content = "") => writeFileSync(`${journal}.${name}`, content),
    unmark: (name) => rmSync(`${journal}.${name}`, { force: true }),
    until: (start, wanted = 1) =>
      eventually(() => count(start) >= wanted, `${wanted} times "${start}" in the journal`),
    alive: () =>
      lines()
        .filter((line) => line.startsWith("start "))
        .map((line) => Number(line.slice(6)))
        .filter(isAlive),
  };
}

/** True if a process runs. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/\) [ZX] /.test(stat);
  } catch {
    return false;
  }
}

/** Reads a value again until a condition holds. */
export async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const end = performance.now() + 60_000;
  const pause = pauses(10);
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (performance.now() > end) throw new Error(`it never held: ${holds}; last: ${JSON.stringify(value)}`);
    await pause();
  }
}
