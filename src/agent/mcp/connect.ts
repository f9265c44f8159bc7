import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../log.ts";
import { connectUrl } from "../../mcp/upstream/connect-url.ts";
import { greeted } from "../../mcp/upstream/greeted.ts";
import { endingWithWire, stopOf } from "../../mcp/upstream/program.ts";
import { stdioWire } from "../../mcp/upstream/stdio.ts";
import type { GreetingOptions, Upstream } from "../../mcp/upstream/upstream.ts";
import type { WireEvents } from "../../mcp/upstream/wire.ts";
import type { Outbound } from "../../net/outbound.ts";
import { type LaunchHost, prepareLaunch } from "../../processes/launch/prepare.ts";
import type { ProgramSource } from "../../processes/launch/program-source.ts";
import { startLaunch, sweepLaunches } from "../../processes/launch/start.ts";
import { LineSplitter } from "../../processes/line-splitter.ts";
import { version } from "../../version.ts";
import { oneLine } from "../../wire/text.ts";
import type { McpServerConfig } from "../core/mcp-server.ts";

/** mcpctl as MCP servers see it. */
const client = { name: "mcpctl", version: version.version };

/** A longer line of output is cut, in characters. */
const longestLine = 1_000;

/** Means to start and reach MCP servers. */
export interface ConnectServices {
  host: LaunchHost;
  outbound: Outbound;
  /** `~/.mcpctl`. The folders of programs and the records of those that run are below it. */
  home: string;
  log: Log;
}

/** An MCP server that was started or reached, and greeted. */
export interface LocalMcpConnection {
  upstream: Upstream;
  pid: number | null;
  /** Closes when the calls under way are over. A program cannot wait: the next one takes its place. */
  retire?(): Promise<void>;
  /** Ends the connection, and the process with all that it has started. */
  close(): Promise<void>;
}

/**
 * Starts the program of the config, or connects to its url, and greets it. Nothing but the config decides what runs.
 *
 * @throws AppError, McpFailure or RpcError
 */
export async function connectMcpServer(
  config: McpServerConfig,
  services: ConnectServices,
  events: Pick<WireEvents, "onNotification" | "onClose">,
  { revision, signal }: { revision: string | undefined; signal: AbortSignal },
): Promise<LocalMcpConnection> {
  const { source, startSeconds } = config;
  const greeting = { client, timeout: startSeconds * 1000, revision, signal };
  if (!("url" in source)) return startProgram(config, source, services, events, greeting);
  const server = { url: new URL(source.url), headers: source.headers, outbound: services.outbound };
  const upstream = await connectUrl(server, greeting, events);
  return { upstream, pid: null, retire: () => upstream.retire(), close: () => upstream.close() };
}

async function startProgram(
  config: McpServerConfig,
  source: ProgramSource,
  { host, home, log }: ConnectServices,
  events: Pick<WireEvents, "onNotification" | "onClose">,
  greeting: GreetingOptions,
): Promise<LocalMcpConnection> {
  const { name, env, readable, writable, network, sandbox } = config;
  const programs = join(home, programsFolder);
  mkdirSync(join(programs, runningFolder), { recursive: true, mode: 0o700 });
  const launch = await prepareLaunch(source, {
    ...{ host, name, env, readable, writable, network, sandbox },
    folder: join(programs, name),
    kept: [home],
    onProgress: (line) => log.info(`${name}: ${line}`),
  });
  const lines = new LineSplitter({ separator: /[\r\n]+/, longest: 8 * longestLine });
  const print = (line: string) => {
    if (line.trim() !== "") log.info(`${name}: ${oneLine(line, longestLine)}`);
  };
  const child = startLaunch(launch, {
    records: join(programs, runningFolder),
    id: name,
    onStderr: (bytes) => {
      for (const line of lines.push(bytes)) print(line);
    },
  });
  const stop = stopOf(child);
  const onError = (error: Error) => log.error(error.message);
  const noisy = { ...events, onNoise: (text: string) => print(`not MCP: ${text}`) };
  const speaking = { stdout: child.stdout, write: (text: string) => child.write(text), stop };
  const wire = stdioWire(speaking, endingWithWire(child, noisy, onError));
  const upstream = await greeted(wire, greeting);
  return { upstream, pid: child.group.pid, close: () => stop().catch(onError) };
}

/** Below `~/.mcpctl`. */
const programsFolder = "mcp";
/** The records of programs that run. No MCP server has this name. */
const runningFolder = ".running";

/** Ends the programs that an agent which was killed has left. Returns sentences about those that could not be ended. */
export function sweepPrograms(home: string, env: LaunchHost["env"]): Promise<string[]> {
  return sweepLaunches(join(home, programsFolder, runningFolder), env);
}
