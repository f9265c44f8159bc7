import { hostname } from "node:os";
import type { Log } from "../log.ts";
import { pause, type Time } from "../time.ts";
import type { McpServerSet } from "./core/mcp-server.ts";
import type { Providers } from "./core/provider.ts";
import { agentState } from "./registration/heartbeat.ts";
import { PublishedSet } from "./registration/published-set.ts";
import { Registrar } from "./registration/registrar.ts";
import { Bearer, ServerCalls, type ServerEndpoint } from "./session/server-calls.ts";
import { AgentSession } from "./session/session.ts";
import type { SessionFile } from "./session/session-file.ts";
import { TaskRunner } from "./tasks/task-runner.ts";
import { Attacher } from "./transports/attacher.ts";
import type { ServerLink } from "./transports/server-link.ts";
import type { SocketConstructor } from "./transports/websocket.ts";

const noMcpServers: McpServerSet = {
  all: [],
  published: () => undefined,
  onChange: () => () => {},
  close: async () => {},
};

/** The longest that tasks may go on when the agent stops, in milliseconds. */
const drainMs = 30_000;

export interface AgentOptions {
  /** The server to publish to. */
  endpoint: ServerEndpoint;
  providers: Providers;
  /** None if it is left out. */
  mcpServers?: McpServerSet;
  sessionFile: SessionFile;
  fetch: typeof fetch;
  WebSocket: SocketConstructor;
  time: Time;
  /** Id of this process. Another process with the same session is another agent. */
  bootId: string;
  /** The name of this machine, for people; that of its host if it is left out. */
  workstation?: string;
  log: Log;
}

export interface Agent {
  /**
   * Publishes the providers and runs the server's tasks until the signal aborts or the agent is closed. When the server
   * is away or refuses the agent, it tries again without end.
   *
   * @throws AppError `fenced` when another agent has taken over its session
   */
  run(signal: AbortSignal): Promise<void>;
  /** Refuses new tasks and reports that. Returns when the running ones are over, after 30 s at most. */
  drain(): Promise<void>;
  /** Cancels the running tasks and closes the providers. */
  close(): Promise<void>;
  report(): AgentReport;
}

/** The state of an agent. */
export interface AgentReport {
  server: string;
  /** Null while it is not attached. */
  transport: ServerLink["transport"] | null;
  /** Number of running tasks. */
  tasks: number;
  draining: boolean;
  /** The entries that the server has registered, as `providers/name` with their published names. */
  published: readonly string[];
  /** The entries that the server refuses, in the same form, with its reasons. */
  refused: Readonly<Record<string, string>>;
}

/** Returns a name as servers take it: the first part of a host's name, without characters that cannot be seen. */
export function workstationName(name: string): string {
  const [first = ""] = name.split(".");
  return first.replace(/[\p{C}\p{Z}]+/gu, "-").slice(0, 64) || "workstation";
}

/** Creates an agent. It does nothing before `run`. */
export function createAgent(options: AgentOptions): Agent {
  const { endpoint, providers, mcpServers = noMcpServers, sessionFile, time, log, bootId } = options;
  const closing = new AbortController();
  const bearer = new Bearer(() => endpoint.token());
  const calls = new ServerCalls({ url: endpoint.url, bearer, fetch: options.fetch, time });
  const session = new AgentSession(sessionFile.providerSessionId);
  const tasks = new TaskRunner({
    providers,
    mcpServers,
    time,
    log,
    onDrain: () => log.info("the server is about to stop: running tasks can finish"),
  });
  let draining = false;
  let link: ServerLink | undefined;
  const publication = new PublishedSet(providers, mcpServers, log);
  const registrar = new Registrar({
    session,
    sessionFile,
    publication,
    calls,
    attacher: new Attacher({ calls, session, events: tasks, WebSocket: options.WebSocket, log }),
    bootId,
    workstation: workstationName(options.workstation ?? hostname()),
    state: () => agentState(providers, draining),
    log,
    onLink(found) {
      link = found;
      tasks.linkFound();
    },
    onLost({ why }) {
      link = undefined;
      if (why === "lost" || why === "stopping") tasks.linkLost();
      else tasks.abort();
    },
  });
  return {
    async run(signal) {
      const stopListening = providers.onChange((change) => {
        if (change === "published") registrar.published();
        else registrar.state();
      });
      const stopServers = mcpServers.onChange(() => registrar.published());
      try {
        await registrar.run(AbortSignal.any([signal, closing.signal]));
      } finally {
        stopListening();
        stopServers();
        tasks.abort();
      }
    },
    async drain() {
      draining = true;
      registrar.state();
      const over = new AbortController();
      const finished = tasks.finish().then(() => over.abort());
      await Promise.race([finished, pause(time, drainMs, AbortSignal.any([over.signal, closing.signal]))]);
      over.abort();
    },
    async close() {
      closing.abort();
      tasks.abort();
      await Promise.all([providers.close(), mcpServers.close()]);
    },
    report: () => ({
      server: endpoint.url,
      transport: link?.transport ?? null,
      tasks: tasks.size,
      draining,
      published: registrar.names,
      refused: publication.refusals,
    }),
  };
}
