import type { Log } from "../log.ts";
import { pause, type Time } from "../time.ts";
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

/** How long tasks may go on when the agent is told to stop, in milliseconds. */
const drainMs = 30_000;

export interface AgentOptions {
  /** Whom it publishes to. */
  endpoint: ServerEndpoint;
  providers: Providers;
  sessionFile: SessionFile;
  fetch: typeof fetch;
  WebSocket: SocketConstructor;
  time: Time;
  /** Of this process: another one by the same session is another agent. */
  bootId: string;
  log: Log;
}

export interface Agent {
  /**
   * Publishes the providers and answers for them until the signal aborts or the agent is closed. A server that is
   * away, or does not let it in, is tried again and again.
   *
   * @throws AppError `fenced` when another agent has taken its session over
   */
  run(signal: AbortSignal): Promise<void>;
  /** Takes no more tasks, and tells so. Returns when those that run are over, at most 30 s later. */
  drain(): Promise<void>;
  /** Gives up what runs, and closes the providers. */
  close(): Promise<void>;
  report(): AgentReport;
}

/** How an agent stands with its server. */
export interface AgentReport {
  server: string;
  /** Null while it is not attached. */
  transport: ServerLink["transport"] | null;
  /** Tasks under way. */
  tasks: number;
  draining: boolean;
}

/** An agent. Nothing happens before it is run. */
export function createAgent(options: AgentOptions): Agent {
  const { endpoint, providers, sessionFile, time, log, bootId } = options;
  const closing = new AbortController();
  const bearer = new Bearer(() => endpoint.token());
  const calls = new ServerCalls({ url: endpoint.url, bearer, fetch: options.fetch, time });
  const session = new AgentSession(sessionFile.providerSessionId);
  const tasks = new TaskRunner({
    providers,
    time,
    log,
    onDrain: () => log.info("the server is about to stop: running tasks can finish"),
  });
  let draining = false;
  let link: ServerLink | undefined;
  const registrar = new Registrar({
    session,
    sessionFile,
    publication: new PublishedSet(providers, log),
    calls,
    attacher: new Attacher({ calls, session, events: tasks, WebSocket: options.WebSocket, log }),
    bootId,
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
      try {
        await registrar.run(AbortSignal.any([signal, closing.signal]));
      } finally {
        stopListening();
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
      await providers.close();
    },
    report: () => ({
      server: endpoint.url,
      transport: link?.transport ?? null,
      tasks: tasks.size,
      draining,
    }),
  };
}
