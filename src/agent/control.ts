import { chmodSync, linkSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { AppError, errorBody } from "../errors.ts";
import type { Log } from "../log.ts";
import { reasonText } from "../system-errors.ts";
import { acceptsConnections } from "../unix-socket.ts";
import {
  type AgentStanding,
  type AgentStatus,
  controlPaths,
  type ProviderReport,
} from "../wire/agent-control.ts";
import type { LocalMcpServer, McpServerSet } from "./core/mcp-server.ts";
import type { LocalProvider, Providers } from "./core/provider.ts";

/** The longest path of a Unix socket on macOS, in bytes; Linux allows four more. */
const maxSocketPath = 103;
/** The longest that another agent may take to report its process, in milliseconds. */
const statusTimeout = 2_000;

export interface ControlOptions {
  /** Path of the socket: `<home>/agent.sock`. */
  path: string;
  providers: Pick<Providers, "all" | "named">;
  /** None if it is left out. */
  mcpServers?: Pick<McpServerSet, "all">;
  /** Returns the state of the agent; empty before it runs. */
  status(): Partial<AgentStanding>;
  log: Log;
  /** Calls another agent. */
  fetch: typeof fetch;
}

/**
 * Listens for `mcpctl provider` on a Unix socket that only its owner can open. The socket is also a lock: a second agent
 * in the same home does not start. A socket that a killed agent has left is replaced.
 *
 * @returns an object that closes it
 * @throws AppError `unavailable` when another agent runs, or when the path is too long or unusable
 */
export async function openControl(options: ControlOptions): Promise<{ close(): Promise<void> }> {
  const { path } = options;
  // The draft's name is shorter than the socket's, so that its path is not too long either.
  const draft = join(dirname(path), `.a${process.pid}`);
  if (Math.max(Buffer.byteLength(path), Buffer.byteLength(draft)) > maxSocketPath)
    throw new AppError("unavailable", `the path of the agent's socket is too long: ${path}`, {
      hint: `set MCPCTL_HOME to a shorter path: at most ${maxSocketPath} bytes in all`,
    });
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(draft, { force: true });
  const server = listen(draft, options);
  try {
    chmodSync(draft, 0o600);
    await putInPlace(draft, options);
  } catch (error) {
    await server.stop(true);
    rmSync(draft, { force: true });
    if (error instanceof AppError) throw error;
    throw cannotListen(path, error);
  }
  return {
    async close() {
      rmSync(path, { force: true });
      await server.stop(true);
    },
  };
}

/** Links the draft to the path. A link never replaces a file, so only one of several agents succeeds. */
async function putInPlace(draft: string, options: ControlOptions): Promise<void> {
  const { path, log } = options;
  if (!linked(draft, path)) {
    await refuseIfAlive(path, options);
    const release = await takeOver(join(dirname(path), ".agent.lock"));
    try {
      // Another agent may have replaced it meanwhile.
      await refuseIfAlive(path, options);
      rmSync(path, { force: true });
      if (!linked(draft, path)) throw anotherRuns();
      log.info("an agent that was killed left its socket behind: it is replaced");
    } finally {
      release();
    }
  }
  rmSync(draft);
}

function linked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return false;
    throw error;
  }
}

/** Takes the lock that lets one agent at a time replace a left socket. Returns a function that releases it. */
async function takeOver(lock: string): Promise<() => void> {
  while (true) {
    try {
      writeFileSync(lock, "", { flag: "wx", mode: 0o600 });
      return () => rmSync(lock, { force: true });
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
    // The lock is held while another agent reports its status. An older one was left by a killed agent.
    const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    // One of the future is older too: the clock was set back.
    if (Math.abs(Date.now() - since) > 3 * statusTimeout) rmSync(lock, { force: true });
    else await Bun.sleep(20);
  }
}

async function refuseIfAlive(path: string, options: ControlOptions): Promise<void> {
  if (!(await acceptsConnections(path))) return;
  let who = "";
  try {
    const response = await options.fetch(`http://localhost${controlPaths.status}`, {
      unix: path,
      redirect: "manual",
      signal: AbortSignal.timeout(statusTimeout),
    });
    const { pid } = (await response.json()) as Partial<AgentStatus>;
    if (typeof pid === "number") who = ` (pid ${pid})`;
  } catch {
    // The other agent runs, and does not report its process.
  }
  throw anotherRuns(who);
}

function anotherRuns(who = ""): AppError {
  return new AppError("unavailable", `another agent is already running${who}`, {
    hint: "each home has one agent; set MCPCTL_HOME to run another one",
  });
}

function listen(path: string, options: ControlOptions): Bun.Server<undefined> {
  try {
    return Bun.serve({
      unix: path,
      development: false,
      fetch: (request) => respond(request, options),
      // `up` may take minutes. Bun applies this to a Unix socket, although its types do not know it.
      ...({ idleTimeout: 0 } as object),
    });
  } catch (cause) {
    throw cannotListen(path, cause);
  }
}

async function respond(request: Request, options: ControlOptions): Promise<Response> {
  try {
    return await route(request, options);
  } catch (error) {
    const known = error instanceof AppError ? error : new AppError("internal", "internal error");
    if (known !== error) options.log.error(`the control socket failed: ${(error as Error).message}`);
    const headers: Record<string, string> =
      known.retryAfter === undefined ? {} : { "retry-after": String(known.retryAfter) };
    return Response.json(errorBody(known, ""), { status: known.status, headers });
  }
}

async function route(request: Request, { providers, mcpServers, status }: ControlOptions): Promise<Response> {
  const servers = mcpServers?.all ?? [];
  const { pathname } = new URL(request.url);
  const called = `${request.method} ${pathname}`;
  if (called === `GET ${controlPaths.status}`)
    return Response.json({ ...status(), pid: process.pid } satisfies AgentStatus);
  if (called === `GET ${controlPaths.providers}`)
    return Response.json([
      ...providers.all.map((one) => withRefusal("providers", reportOf(one), status())),
      ...servers.map((one) => withRefusal("mcpServers", serverReport(one), status())),
    ]);
  const [, name, deed] = /^POST \/providers\/([^/]+)\/(up|down)$/.exec(called) ?? [];
  if (name === undefined) throw new AppError("not_found", "the agent's socket has no such path");
  const provider = providers.named(name);
  const server = provider ? undefined : servers.find(({ config }) => config.name === name);
  if (server) {
    await (deed === "up" ? server.start() : server.stop());
    return Response.json(serverReport(server));
  }
  if (!provider)
    throw new AppError("not_found", `provider "${name.slice(0, 100)}" not found`, {
      hint: "see: mcpctl provider",
    });
  await (deed === "up" ? provider.runtime.wake(request.signal) : provider.runtime.stop());
  return Response.json(reportOf(provider));
}

/** Says of an entry that the server refuses that it is not published, and the server's reason. */
function withRefusal(
  list: string,
  report: ProviderReport,
  { refused }: Partial<AgentStanding>,
): ProviderReport {
  const reason = refused?.[`${list}/${report.publishedAs}`];
  return reason === undefined ? report : { ...report, publishedAs: null, detail: `not published: ${reason}` };
}

function reportOf({ config, runtime, llmState }: LocalProvider): ProviderReport {
  const { state, detail, pid, resident } = runtime.describe();
  return {
    name: config.name,
    type: config.type,
    model: config.model,
    state,
    detail,
    publishedAs: config.publish ? (config.publishName ?? config.name) : null,
    failoverFor: config.failoverFor ?? null,
    inFlight: llmState().inFlight ?? 0,
    resident: resident ?? null,
    pid: pid ?? null,
  };
}

const serverStates = {
  running: "active",
  stopped: "hibernating",
  starting: "waking",
  failed: "inactive",
} as const;

function serverReport(server: LocalMcpServer): ProviderReport {
  const { name, publish, publishName } = server.config;
  const { state, ...report } = server.describe();
  return {
    ...{ name, type: "mcp", model: "-", failoverFor: null, resident: null },
    ...report,
    state: serverStates[state],
    publishedAs: publish ? (publishName ?? name) : null,
  };
}

function cannotListen(path: string, cause: unknown): AppError {
  return new AppError("unavailable", `cannot listen on ${path}: ${reasonText(cause)}`, { cause });
}
