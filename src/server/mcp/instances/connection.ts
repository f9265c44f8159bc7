import type { RpcNotification } from "../../../mcp/messages.ts";
import { legacyRevisions } from "../../../mcp/revisions.ts";
import { McpFailure, RpcError } from "../../../mcp/rpc-error.ts";
import { HttpWire } from "../../../mcp/upstream/http-wire.ts";
import { openSseWire } from "../../../mcp/upstream/sse-wire.ts";
import { stdioWire } from "../../../mcp/upstream/stdio.ts";
import { greet, type Upstream } from "../../../mcp/upstream/upstream.ts";
import type { UpstreamWire, WireEvents } from "../../../mcp/upstream/wire.ts";
import type { Outbound } from "../../../net/outbound.ts";
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

/** Milliseconds that a program has to end after it has closed its output. */
const closeTime = 500;

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
  log: InstanceLog;
  /** The revision that this server spoke before, so that nothing has to be tried. */
  revision: string | undefined;
  /** Ends the attempt. */
  signal: AbortSignal;
  onNotification(notification: RpcNotification): void;
  /** Called once when the connection ends, whoever ended it. */
  onClose(reason: Error): void;
}

/** A server that was started or reached, and greeted. */
export interface McpConnection {
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
  return spec.url === undefined ? startProgram(options) : connectUrl(options, new URL(spec.url));
}

/** Greets a server on a wire; the wire is closed if that fails. */
async function greeted(wire: UpstreamWire, { server, signal, revision }: ConnectOptions): Promise<Upstream> {
  const timeout = server.spec.startSeconds * 1000;
  try {
    try {
      return await greet(wire, { client, timeout, revision, signal });
    } catch (error) {
      // It may be another version than the one that was met before.
      if (revision === undefined || !(error instanceof RpcError)) throw error;
      return await greet(wire, { client, timeout, signal });
    }
  } catch (error) {
    await wire.close().catch(() => undefined);
    throw error;
  }
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
    const how = child.endReason ?? `ended with ${describeExit(exit)}`;
    log.line(`process ${pid}: ${how}`);
    ended = new McpFailure("closed", `the program ${how}`);
  });
  const stop = async () => {
    child.endInput();
    await child.stop();
    await child.closed;
  };
  const events = eventsOf(options);
  const onClose = async (reason: Error) => {
    events.onClose(reason);
    // A program that closes its output but goes on is of no use.
    await Promise.race([child.closed, Bun.sleep(closeTime)]);
    await stop().catch((error: Error) => log.line(error.message));
  };
  const wireEvents = { ...events, onClose: (reason: Error) => void onClose(reason) };
  const speak = () => {
    const { stdout } = child;
    const write = (text: string) => child.write(text);
    return greeted(stdioWire({ stdout, write, stop }, wireEvents), options);
  };
  const upstream = await (launch.url === undefined
    ? speak()
    : greetedAtPort(new URL(server.spec.path ?? "/mcp", launch.url), child, options, wireEvents)
  ).catch(async (error) => {
    await stop().catch(() => undefined);
    throw error instanceof McpFailure && error.kind === "closed" ? (ended ?? error) : error;
  });
  const sandbox = launch.level;
  const message = launch.notes.join("; ");
  return {
    upstream,
    sandbox,
    pid,
    ...(launch.container && { container: launch.container.name }),
    conditions: sandbox === "none" ? [{ type: "Unsandboxed", message }] : [],
    memoryMb: () => child.usage.memoryMb,
    ending: () => ended,
    async close() {
      await upstream.close();
      await stop();
    },
  };
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
      return await greeted(wire, options);
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

async function connectUrl(options: ConnectOptions, url: URL): Promise<McpConnection> {
  const { server, log } = options;
  const connection = (upstream: Upstream): McpConnection => {
    log.line(`connected, revision ${upstream.facts.revision}`);
    return { upstream, conditions: [], close: () => upstream.close() };
  };
  const target = { url, headers: options.values.headers, outbound: options.outbound };
  const overSse = async () => {
    const wire = await openSseWire(target, eventsOf(options), options.signal);
    return connection(await greeted(wire, { ...options, revision: legacyRevisions[0] }));
  };
  if (server.spec.transport === "sse") return overSse();
  // A wire that was only tried must not report its end.
  let isUsed = false;
  const events = eventsOf(options);
  const onClose = (reason: Error) => isUsed && events.onClose(reason);
  try {
    const wire = new HttpWire(target, { ...events, onClose });
    const upstream = await greeted(wire, options);
    isUsed = true;
    return connection(upstream);
  } catch (error) {
    if (server.spec.transport !== undefined || !isOlderAnswer(error)) throw error;
    return await overSse().catch(() => {
      throw error;
    });
  }
}

/** True if the failure can be that of a server which knows HTTP with events only: it refuses a POST to that address. */
function isOlderAnswer(error: unknown): boolean {
  if (!(error instanceof McpFailure) || error.kind !== "refused") return false;
  const { status = 0 } = error;
  return status >= 400 && status < 500 && ![401, 403, 429].includes(status);
}
