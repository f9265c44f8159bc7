import { clusterLinksComponent } from "./cluster/component.ts";
import { nodeUrl } from "./cluster/node-url.ts";
import { Throttle } from "./core/access/throttle.ts";
import { describeError } from "./core/describe-error.ts";
import { requestIds, systemRandom } from "./core/ids.ts";
import { Lifecycle } from "./core/lifecycle.ts";
import { retentionComponent } from "./core/retention.ts";
import { selfTest } from "./core/self-url.ts";
import { DiskUse } from "./core/store/disk-use.ts";
import { StoreHealth, storeHealthComponent } from "./core/store/health.ts";
import { LockedByRestore } from "./core/store/locked-by-restore.ts";
import { timer } from "./core/timer.ts";
import { httpComponent } from "./http/component.ts";
import { TrustedProxies } from "./http/connections/trusted-proxies.ts";
import { Listeners } from "./http/listeners.ts";
import type { Server } from "./http/server.ts";
import { SignInCodes } from "./http/web/sign-in-codes.ts";
import { taskQueueComponent } from "./inference/tasks/component.ts";
import { createAccessLog } from "./observability/access-log.ts";
import type { ServerOptions } from "./options.ts";
import { startServices } from "./services.ts";
import { workersComponent } from "./workers/component.ts";
import { WorkerListener } from "./workers/worker-listener.ts";
import { workstationsComponent } from "./workstations/component.ts";

export interface RunningServer {
  /** `http://127.0.0.1:7777`. */
  url: string;
  /** True if the catalogue has an llm. */
  hasLlms: boolean;
  /**
   * Takes no new work, waits for the work under way, then ends what is left. Called again, it shortens the wait where
   * `timeout` ends sooner.
   *
   * @param timeout milliseconds to wait for the work under way
   */
  stop(timeout: number): Promise<void>;
}

const minute = 60_000;
/** Milliseconds between two pings of the database, at most. */
const healthInterval = 2000;
/** Milliseconds between two looks at the sessions of agents, at most. */
const sessionsInterval = 5000;
/** Milliseconds between two looks at the files of the certificate. */
const certificateInterval = 5000;
/** Milliseconds between two looks at what other servers on the same database have let through. */
const sharedLimitsInterval = 5000;
/** Milliseconds between two looks for llms whose capabilities must be read, at least. */
const capabilitiesInterval = minute;
/** Milliseconds between two looks at answers that providers make in the background. */
const backgroundInterval = 5000;
/** Milliseconds between two looks for inference tasks that can run. */
const tasksInterval = 2000;

/**
 * Starts a server. It answers requests when this returns.
 *
 * @throws the error of the component that cannot start; everything is closed then, the store too
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const {
    store,
    log,
    connections = {},
    now = Date.now,
    elapsed = performance.now.bind(performance),
    tick = minute,
    certificate,
  } = options;
  const random = systemRandom;
  const requestId = requestIds(random);
  const onError = (error: unknown) => {
    // It is tried again when the restore is done.
    if (!(error instanceof LockedByRestore)) log.error(describeError(error));
  };
  const accessLog = options.accessLog && createAccessLog(options.accessLog, now);
  const proxies = connections.trustedProxies ?? new TrustedProxies([]);
  const listeners = new Listeners(proxies);
  const isSelf = selfTest(options.publicUrls, () => listeners.urls);
  const lifecycle = new Lifecycle(onError);

  const services = await startServices(lifecycle, options, {
    now,
    elapsed,
    random,
    requestId,
    accessLog,
    isSelf,
    onError,
  });
  const { metrics, workstations, limits, sessions, upkeep, secretUpkeep, cluster } = services;
  const workers =
    options.workers &&
    (await lifecycle.start(
      workersComponent(
        {
          ...options.workers,
          publicUrls: options.publicUrls,
          hasAccessLog: options.accessLog !== undefined,
          bodies: options.bodies,
          traces: options.traces,
        },
        {
          ...services,
          writeLine: (line) => options.accessLog?.(line),
          log,
          onFatal(error) {
            throw error;
          },
        },
      ),
    ));
  const health = new StoreHealth(store, elapsed);
  const diskUse = new DiskUse(store, options.databaseFolder);
  const server: Server = {
    ...services,
    throttle: new Throttle(elapsed),
    signInCodes: new SignInCodes(elapsed),
    now,
    publicUrls: options.publicUrls,
    urls: () => [...options.publicUrls, ...listeners.urls],
    random,
    metricsPublic: options.metricsPublic,
    metricsOfWorkers: async () => (await workers?.metrics()) ?? [],
    unready() {
      if (lifecycle.isStopping) return ["the server is shutting down"];
      return health.failure === undefined ? [] : [health.failure];
    },
    diskUse,
    certificate,
    connections: () => listeners.connections,
    addressOf: (request) => listeners.addressOf(request),
    upgrade: (request, peer, handler, headers) => listeners.upgrade(request, peer, handler, headers),
    know: (request) => listeners.know(request),
    endQuiet: (request, peer) => listeners.endQuiet(request, peer),
  };
  await lifecycle.start(
    httpComponent({
      server,
      listeners,
      listen: { ...options.listen, ...connections, tls: certificate?.current },
      openTcp: workers && ((listen, handle) => WorkerListener.open(workers, listen, handle)),
      connections,
      proxies,
      log,
      pulse: services.pulse,
      elapsed,
      socketPath: options.socketPath,
      app: {
        // Other nodes use that name.
        publicUrls: [...options.publicUrls, ...(cluster && options.nodeUrl ? [options.nodeUrl] : [])],
        nextRequestId: requestId,
        ...(accessLog && { accessLog }),
        logUnexpected: (error, id) => log.error(`${id} ${describeError(error)}`),
      },
    }),
  );
  if (cluster)
    await lifecycle.start(
      clusterLinksComponent(cluster, () => options.nodeUrl ?? nodeUrl(listeners.urls[0]!)),
    );
  await lifecycle.start(workstationsComponent(workstations, metrics));
  // Timers start last and drain first, so that no background work begins while the server starts or stops.
  const every = (name: string, interval: number, run: () => Promise<void>, atStart = false) =>
    lifecycle.start(timer({ name: `${name} timer`, every: interval, atStart, run, onError }));
  const retention = await lifecycle.start(
    retentionComponent({ store, keep: options.keep ?? {}, now, elapsed }),
  );
  await every("retention", tick, retention);
  diskUse.register(metrics);
  if (certificate) {
    certificate.register(metrics);
    certificate.onChange((next) => void listeners.renew(next).catch(onError));
    await every("certificate", Math.min(tick, certificateInterval), async () => certificate.look());
  }
  const { schedule } = services;
  if (schedule) await every("backup", tick, () => schedule.run(), true);
  await every("disk use", tick, () => diskUse.refresh(), true);
  await lifecycle.start(storeHealthComponent(health, Math.min(tick, healthInterval), metrics));
  await every("upkeep", tick, upkeep);
  await every("client grants", tick, () => services.clients.grants.sweep());
  await every("capabilities", Math.max(tick, capabilitiesInterval), () =>
    services.inference.refreshCapabilities(),
  );
  await lifecycle.start({ name: "background answers", start: () => services.inference.loadBackground() });
  await every("background usage", Math.min(tick, backgroundInterval), () =>
    services.inference.settleBackground(),
  );
  const { tasks } = services;
  await lifecycle.start(taskQueueComponent(tasks.queue));
  await every("tasks", Math.min(tick, tasksInterval), () => tasks.queue.tick());
  await every("tasks upkeep", tick, () => tasks.prune());
  await every("secret upkeep", tick, secretUpkeep.run, true);
  // Not waited for: it must be seen that the process did not sleep, also while the database is slow.
  await every("sessions", Math.min(tick, sessionsInterval), async () => void sessions.checkLeases());
  const loadLimits = () => {
    limits.forgetDeleted();
    return store.dialect === "postgres" ? limits.load() : limits.loadNewMonth();
  };
  await every("limits", sharedLimitsInterval, loadLimits);
  // Last, and so the first to drain: requests that still come are answered as ever.
  await lifecycle.start({ name: "hand-over", start() {}, drain: () => listeners.handOver() });

  return {
    url: listeners.urls[0]!,
    hasLlms: services.catalogue.snapshot.table("llm").sorted.length > 0,
    stop: (timeout) => lifecycle.stop(timeout),
  };
}
