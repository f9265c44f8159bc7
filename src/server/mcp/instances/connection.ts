import type { EndSignal } from "../../../end-signal.ts";
import type { RpcNotification } from "../../../mcp/messages.ts";
import { type AccessTokenSource, authorizedOutbound } from "../../../mcp/oauth/authorized-outbound.ts";
import { McpFailure } from "../../../mcp/rpc-error.ts";
import { connectUrl } from "../../../mcp/upstream/connect-url.ts";
import { greeted } from "../../../mcp/upstream/greeted.ts";
import { HttpWire } from "../../../mcp/upstream/http-wire.ts";
import { endingWithWire, stopOf } from "../../../mcp/upstream/program.ts";
import { stdioWire } from "../../../mcp/upstream/stdio.ts";
import type { GreetingOptions, Upstream } from "../../../mcp/upstream/upstream.ts";
import type { WireEvents } from "../../../mcp/upstream/wire.ts";
import type { Outbound } from "../../../net/outbound.ts";
import type { Launch } from "../../../processes/launch/launch.ts";
import type { RunningLaunch } from "../../../processes/launch/start.ts";
import { LineSplitter } from "../../../processes/line-splitter.ts";
import { describeExit } from "../../../processes/process-group.ts";
import { version } from "../../../version.ts";
import type { McpCondition } from "../../core/store/mcp-status.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { InstanceLog } from "./logs/instance-log.ts";
import type { Programs } from "./programs.ts";
import type { ServerValues } from "./server-values.ts";
import { StartProblem } from "./start-problem.ts";

/** Milliseconds between two looks whether a program listens on its port. */
const portPause = 200;

/** mcpctl as servers see it. */
const client = { name: "mcpctl", version: version.version };

export interface ConnectOptions {
  server: McpServerRow;
  /** The id of the instance, which names the record of its process. */
  instanceId: string;
  /** The name of the program's own folder among those of its server. */
  folder: string;
  values: ServerValues;
  programs: Programs | undefined;
  outbound: Outbound;
  /** The access tokens of a server elsewhere; undefined if it gets none. */
  source: AccessTokenSource | undefined;
  log: InstanceLog;
  /** The revision that this server spoke before, so that nothing has to be tried. */
  revision: string | undefined;
  /** Ends the attempt. */
  signal: EndSignal;
  onNotification(notification: RpcNotification): void;
  /** Called once when the connection ends, whoever ended it. */
  onClose(reason: Error): void;
}

/** A server that was started or reached, and greeted. */
export interface McpConnection {
  /** The server as it was when this was opened. */
  server: McpServerRow;
  upstream: Upstream;
  sandbox?: string;
  pid?: number;
  /** The name of its container. */
  container?: string;
  /** Returns the memory that it uses, in megabytes. */
  memoryMb?(): number;
  conditions: McpCondition[];
  /** Returns the way in which the program ended; undefined while it runs. */
  ending?(): Error | undefined;
  /** Closes when the calls under way are over. A program cannot wait: the next one takes its place. */
  retire?(): Promise<void>;
  /** Ends the connection, and the process with all that it has started. */
  close(): Promise<void>;
}

/**
 * Starts a server's process, or connects to its url, and greets it.
 *
 * @throws StartProblem, AppError, McpFailure, RpcError
 */
export async function connect(options: ConnectOptions): Promise<McpConnection> {
  const { spec } = options.server;
  if (spec.url === undefined) return startProgram(options);
  const { transport } = spec;
  const { source, outbound } = options;
  const url = new URL(spec.url);
  const target = {
    url,
    transport,
    headers: options.values.headers,
    outbound: source ? authorizedOutbound(outbound, url, source) : outbound,
  };
  const { server } = options;
  const upstream = await connectUrl(target, greetingOf(options), eventsOf(options));
  options.log.line(`connected, revision ${upstream.facts.revision}`);
  return { server, upstream, conditions: [], retire: () => upstream.retire(), close: () => upstream.close() };
}

function greetingOf({ server, signal, revision }: ConnectOptions): GreetingOptions & { signal: EndSignal } {
  return { client, timeout: server.spec.startSeconds * 1000, revision, signal };
}

function eventsOf({ onNotification, onClose, log }: ConnectOptions): WireEvents {
  return { onNotification, onClose, onNoise: (text) => log.line(text, "stdout") };
}

async function startProgram(options: ConnectOptions): Promise<McpConnection> {
  const { server, programs, log, instanceId, folder, values } = options;
  if (!programs)
    throw new StartProblem("CannotStart", "this server of mcpctl has no folder to run programs in");
  const { child, launch } = await programs.start(server, { instanceId, folder, values, log });
  const { pid } = child.group;
  log.line(`process ${pid} has started, sandbox ${launch.level}`);
  let ended: McpFailure | undefined;
  void child.closed.then((exit) => {
    log.endStderr();
    const how = child.endReason ?? `ended with ${describeExit(exit)}${containerEnd(launch, server, exit)}`;
    log.line(`process ${pid}: ${how}`);
    ended = new McpFailure("closed", `the program ${how}`);
  });
  const stop = stopOf(child);
  const events = endingWithWire(child, eventsOf(options), (error) => log.line(error.message));
  const speak = () => {
    const { stdout } = child;
    const write = (text: string) => child.write(text);
    return greeted(stdioWire({ stdout, write, stop }, events), greetingOf(options));
  };
  const upstream = await (launch.url === undefined
    ? speak()
    : greetedAtPort(new URL(server.spec.path ?? "/mcp", launch.url), child, options, events)
  ).catch(async (error) => {
    await stop().catch(() => undefined);
    throw error instanceof McpFailure && error.kind === "closed" ? (ended ?? error) : error;
  });
  const sandbox = launch.level;
  const message = launch.notes.join("; ");
  return {
    server,
    upstream,
    sandbox,
    pid,
    ...(launch.outside?.kind === "container" && { container: launch.outside.name }),
    conditions: launch.isIsolated ? [] : [{ type: "Unsandboxed", message }],
    // Of a container mcpctl sees only the engine's program.
    ...(launch.outside?.kind !== "container" && { memoryMb: () => child.usage.memoryMb }),
    ending: () => ended,
    async close() {
      await upstream.close();
      await stop();
    },
  };
}

/** A container is killed by the kernel, and its engine tells only the code. */
const killedCode = 137;

function containerEnd(
  { outside }: Launch,
  { spec }: McpServerRow,
  { code }: { code: number | null },
): string {
  const memoryMb = spec.resources?.memoryMb;
  if (outside?.kind !== "container" || code !== killedCode || memoryMb === undefined) return "";
  return `: it was killed, as with more memory than memoryMb (${memoryMb} MB)`;
}

/** Greets a program that serves HTTP on a port, as soon as it listens there. Its stdout goes to the log. */
async function greetedAtPort(
  url: URL,
  child: RunningLaunch,
  options: ConnectOptions,
  events: WireEvents,
): Promise<Upstream> {
  void logLines(child.stdout, (line) => options.log.line(line, "stdout"));
  void child.closed.then(() => events.onClose(new Error("the server ended")));
  const { headers } = options.values;
  for (;;) {
    const wire = new HttpWire({ url, headers, outbound: options.outbound }, { ...events, onClose: () => {} });
    try {
      return await greeted(wire, greetingOf(options));
    } catch (error) {
      const isComing = error instanceof McpFailure && error.kind === "closed" && !child.group.hasExited;
      if (!isComing || options.signal.aborted) throw error;
      await Bun.sleep(portPause);
    }
  }
}

async function logLines(output: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const splitter = new LineSplitter({ separator: /\r?\n/, longest: 8192 });
  for await (const bytes of output) for (const line of splitter.push(bytes)) take(line);
}
