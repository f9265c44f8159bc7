import { randomUUID } from "node:crypto";
import { createGeminiCli } from "../adapters/gemini-cli/index.ts";
import { createOutbound } from "../net/outbound.ts";
import { Throttle } from "./core/access/throttle.ts";
import { Catalogue } from "./core/catalogue/catalogue.ts";
import { Resources } from "./core/catalogue/resources.ts";
import { Deadlines } from "./core/deadlines.ts";
import { systemRandom } from "./core/ids.ts";
import { describeError, type Log } from "./core/log.ts";
import { OpenStreams } from "./core/open-streams.ts";
import { redact } from "./core/redact.ts";
import { seed } from "./core/seed.ts";
import { selfTest } from "./core/self-url.ts";
import type { Store } from "./core/store/types.ts";
import { type AppOptions, createApp } from "./http/app.ts";
import { type Listener, listenTcp, listenUnix } from "./http/listen.ts";
import type { Server } from "./http/server.ts";
import { CallMetrics } from "./inference/call-metrics.ts";
import { Inference } from "./inference/inference.ts";
import { Limiter } from "./inference/limits/limiter.ts";
import type { Pace } from "./inference/pace.ts";
import { Threads } from "./inference/threads/threads.ts";
import { createAccessLog } from "./observability/access-log.ts";
import { Audit } from "./observability/audit.ts";
import { Metrics } from "./observability/metrics.ts";
import type { TraceSettings } from "./observability/trace-settings.ts";
import { openTracer } from "./observability/tracer.ts";
import type { KeyFile } from "./secrets/key-file.ts";
import { openSecrets } from "./secrets/open.ts";
import { secretUpkeep } from "./secrets/upkeep.ts";
import { ProviderSessions } from "./workstations/provider-sessions.ts";
import { Workstations } from "./workstations/workstations.ts";

/** How a server is to be. */
export interface ServerOptions {
  store: Store;
  /** `127.0.0.1:7777`; port 0 takes a free one. */
  listen: { hostname: string; port: number };
  /** Where the Unix socket goes; none when not given. */
  socketPath?: string;
  publicUrls: readonly string[];
  metricsPublic: boolean;
  /** Where the master keys are that sealed secrets need. */
  keyFile?: KeyFile;
  /** How the `gemini` command is found, and a directory of its own to run in; without, llms of that type do not run. */
  commands?: { command?: string; path: string; directory: string };
  log: Log;
  /** Takes a line for each request; requests are not logged where it is not given. */
  accessLog?: (line: string) => void;
  /** Where spans of calls go; calls are not traced where it is not given. */
  traces?: TraceSettings;
  now?: () => number;
  /** A clock that nobody sets, in milliseconds. */
  elapsed?: () => number;
  /** How calls that are tried again wait for it. */
  pace?: Pace;
  /** How often it looks after itself, in milliseconds; every minute when not given. */
  tick?: number;
}

export interface RunningServer {
  /** `http://127.0.0.1:7777`. */
  url: string;
  /**
   * Takes no new work, lets what is under way finish for as long as given (milliseconds), then ends it. Called
   * again, the shorter patience holds.
   */
  stop(patience: number): Promise<void>;
}

/** How many changes are kept for watchers and other servers; older ones are pruned. */
const keptChanges = 10_000;
const minute = 60_000;
/** How often it is looked after agents' sessions at least, in milliseconds. */
const sessionLook = 5000;

/** Starts a server over an open store. It answers when this returns. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { store, log, now = Date.now, elapsed = performance.now.bind(performance) } = options;
  const trouble = (error: unknown) => log.error(describeError(error));
  const catalogue = await Catalogue.open(store, trouble);
  const random = systemRandom;
  await seed(catalogue, now, random);
  const nextRequestId = requestIds(random);
  const isSelf = selfTest(options.publicUrls, () => listeners.map(({ url }) => url));
  const keeping = { catalogue, keyFile: options.keyFile, isSelf, now, elapsed, random, log };
  const keepers = await openSecrets(keeping).catch((error) => {
    catalogue.close();
    throw error;
  });
  const { backends, secrets } = keepers;
  const resources = new Resources(catalogue, { ...keepers, now, random }, trouble);
  const accessLog = options.accessLog && createAccessLog(options.accessLog, now);
  const audit = new Audit(store, accessLog?.recorded);
  const metrics = new Metrics();
  const streams = new OpenStreams(catalogue, now);
  const deadlines = new Deadlines();
  const outbound = createOutbound();
  const tracer =
    options.traces && openTracer(options.traces, { outbound, metrics, log, random, now, elapsed });
  const sessions = await ProviderSessions.open({
    catalogue,
    now,
    elapsed,
    random,
    requestId: nextRequestId,
    onError: trouble,
  });
  const workstations = new Workstations({ catalogue, sessions, deadlines, now, elapsed, random });
  const limits = new Limiter(catalogue, now, elapsed);
  await limits.load();
  const gemini =
    options.commands && createGeminiCli({ ...options.commands, redact, now, randomId: randomUUID });
  const inference = new Inference({
    catalogue,
    secrets,
    audit,
    limits,
    metrics: new CallMetrics(metrics),
    streams,
    deadlines,
    outbound,
    virtualLlms: workstations,
    ...(tracer && { tracer }),
    ...(gemini && { gemini }),
    ...(options.pace && { pace: options.pace }),
    now,
  });
  metrics.gauge("mcpctl_open_streams", "Answers that are being sent", () => streams.size);
  let draining = false;
  const server: Server = {
    catalogue,
    resources,
    ...keepers,
    inference,
    sessions,
    workstations,
    audit,
    metrics,
    streams,
    threads: new Threads({ store, snapshot: () => catalogue.snapshot, now, random }),
    deadlines,
    throttle: new Throttle(now),
    now,
    random,
    metricsPublic: options.metricsPublic,
    async unready() {
      if (draining) return ["the server is shutting down"];
      return store.ping().then(
        () => [],
        () => ["the database does not answer"],
      );
    },
    addressOf: (request) => listeners[0]?.addressOf(request),
    upgrade: (request, peer, handler, headers) =>
      listeners[peer === "tcp" ? 0 : 1]?.upgrade(request, handler, headers) ?? false,
  };
  const app: Omit<AppOptions, "peer"> = {
    publicUrls: options.publicUrls,
    nextRequestId,
    ...(accessLog && { accessLog }),
    unexpected: (error, requestId) => log.error(`${requestId} ${describeError(error)}`),
  };
  const listeners: Listener[] = [];
  try {
    listeners.push(listenTcp(options.listen, createApp(server, { ...app, peer: "tcp" })));
    if (options.socketPath)
      listeners.push(await listenUnix(options.socketPath, createApp(server, { ...app, peer: "unix" })));
  } catch (error) {
    // One that listens already would keep the process alive.
    await Promise.all(listeners.map((listener) => listener.close()));
    backends.close();
    catalogue.close();
    throw error;
  }
  const upkeep = async () => {
    const { lastUsed, seen } = catalogue.snapshot.moving;
    const recent = (moved: typeof seen) => new Map([...moved].filter(([, at]) => at > now() - 2 * minute));
    const used = recent(lastUsed);
    if (used.size > 0) await store.touchTokens(used);
    const heard = recent(seen);
    if (heard.size > 0) await store.touchProviderSessions(heard);
    await store.prune(now(), keptChanges);
  };
  const lookAfterSecrets = secretUpkeep({ ...server, requestId: nextRequestId, log });
  let looking = lookAfterSecrets();
  const timer = setInterval(() => {
    void upkeep().catch(trouble);
    looking = lookAfterSecrets();
  }, options.tick ?? minute);
  const sessionTimer = setInterval(
    () => void sessions.lookAfter(),
    Math.min(options.tick ?? minute, sessionLook),
  );

  /** Other servers on the same database let calls through as well. */
  const shared =
    store.dialect === "postgres" ? setInterval(() => void limits.load().catch(trouble), 5000) : undefined;

  const patienceEnded = Promise.withResolvers<void>();
  const shutDown = async () => {
    draining = true;
    clearInterval(timer);
    clearInterval(sessionTimer);
    clearInterval(shared);
    // Agents that post what they do need an open door for it.
    await Promise.race([workstations.drain(), patienceEnded.promise]);
    void workstations.idle().then(() => workstations.close());
    const idle = Promise.all(listeners.map((listener) => listener.drain()));
    streams.closeEndless();
    await Promise.race([idle, patienceEnded.promise]);
    workstations.close();
    streams.close();
    await within(1000, idle);
    await Promise.all(listeners.map((listener) => listener.close()));
    await audit.settled();
    await sessions.close();
    await upkeep().catch(trouble);
    await tracer?.close();
    await gemini?.close();
    outbound.close();
    await within(1000, looking);
    backends.close();
    catalogue.close();
    await store.close();
  };
  let stopped: Promise<void> | undefined;
  return {
    url: listeners[0]!.url,
    async stop(patience) {
      stopped ??= shutDown();
      await within(patience, stopped);
      patienceEnded.resolve();
      await stopped;
    },
  };
}

/** Waits for something, so many milliseconds at most. Leaves no timer behind that would keep the process alive. */
async function within(milliseconds: number, something: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, milliseconds);
  await Promise.race([something, late.promise]).finally(() => clearTimeout(timer));
}

/** Ids that no other start of the server makes again: some randomness, and a count. */
function requestIds(random: typeof systemRandom): () => string {
  const start = Buffer.from(random(new Uint8Array(6))).toString("hex");
  let count = 0;
  return () => `req_${start}${(++count).toString(36)}`;
}
