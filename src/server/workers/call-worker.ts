import { createOutbound } from "../../net/outbound.ts";
import { proxyRule } from "../../proxies.ts";
import { BodyBudget, registerBodyGauges } from "../core/body-budget.ts";
import { Catalogue, type ChangedContents } from "../core/catalogue/catalogue.ts";
import { Deadlines } from "../core/deadlines.ts";
import { describeError } from "../core/describe-error.ts";
import { requestIds, systemRandom } from "../core/ids.ts";
import { within } from "../core/lifecycle.ts";
import { MainThreadCall } from "../core/main-thread-call.ts";
import { OpenStreams } from "../core/open-streams.ts";
import { Pulse } from "../core/pulse.ts";
import { selfTest } from "../core/self-url.ts";
import type { Change, Contents } from "../core/store/types.ts";
import { createApp } from "../http/app.ts";
import { BusyPortCounts } from "../http/connections/busy-port-counts.ts";
import { greetingOf } from "../http/http1/greeted-connection.ts";
import { OwnListener } from "../http/http1/own-listener.ts";
import { inferenceRoutes } from "../http/routes/inference.ts";
import { sealedKeys } from "../inference/answers/sealed-origins.ts";
import { CallMetrics } from "../inference/call-metrics.ts";
import { Inference } from "../inference/inference.ts";
import { createAccessLog } from "../observability/access-log.ts";
import { measureLoopDelay } from "../observability/loop-delay.ts";
import { returnMemory } from "../observability/memory-return.ts";
import { Metrics } from "../observability/metrics.ts";
import { openTracer } from "../observability/tracer.ts";
import { HealthNotes } from "./health-notes.ts";
import type { MainLink } from "./main-link.ts";
import type { AskOfMain, WorkerOptions, WorkerSocket } from "./messages.ts";
import { noStore } from "./no-store.ts";
import { RemoteAudit } from "./remote-audit.ts";
import { RemoteKeys } from "./remote-keys.ts";
import { RemoteLimits } from "./remote-limits.ts";
import { isForMainThread, isWorkerCall } from "./worker-calls.ts";

/** Milliseconds that streams have to send their last frames when they are ended. */
const lastFramesTimeout = 1000;

/** The parts of a worker, once it has started. */
type Parts = Awaited<ReturnType<typeof open>>;

/**
 * A thread that answers calls of models beside the main thread. It has a copy of the catalogue, and asks the main thread for
 * what there is only once: keys, limits, and the audit log, to which its events go before the last byte of an answer.
 */
export class CallWorker {
  readonly #link: MainLink;
  readonly #onReached: (revision: number) => void;
  #parts: Parts | undefined;
  #listener: OwnListener | undefined;
  /** The catalogue is loaded again; changes wait for it. */
  #loading: Promise<void> = Promise.resolve();
  #draining: Promise<void> | undefined;
  /** The URLs on which the server listens. */
  #urls: readonly string[] = [];

  /** @param onReached called when the catalogue has all changes up to a revision */
  constructor(link: MainLink, onReached: (revision: number) => void) {
    this.#link = link;
    this.#onReached = onReached;
  }

  /** Does what the main thread asks for. Throws AppError. */
  async asked(ask: AskOfMain): Promise<unknown> {
    switch (ask.is) {
      case "start":
        this.#loading = this.#start(ask.options, ask.contents);
        return this.#loading;
      case "listen":
        return void this.#listen(ask.socket);
      case "renew":
        return this.#listener?.renew(ask.tls, ask.descriptor);
      case "metrics":
        return this.#parts?.metrics.state;
      case "handOver":
        return this.#listener?.handOver();
      case "drain":
        this.#draining = this.#listener?.drain();
        return this.#draining;
      case "close":
        return this.#close();
    }
  }

  /** Takes changes of the catalogue over, after those that came before. */
  changed(changes: readonly Change[], now: ChangedContents): void {
    this.#follow(() => this.#parts?.catalogue.apply(changes, now));
  }

  /** Takes the catalogue over that the main thread has loaded again. */
  reloaded(contents: Contents): void {
    this.#follow(() => this.#parts?.catalogue.replace(contents));
  }

  #follow(take: () => void | Promise<void>): void {
    this.#loading = this.#loading.then(take).then(() => {
      if (this.#parts) this.#onReached(this.#parts.catalogue.snapshot.revision);
    });
  }

  async #start(options: WorkerOptions, contents: Contents): Promise<void> {
    this.#parts = await open(this.#link, options, contents, {
      know: (request) => this.#listener?.know(request),
      urls: () => this.#urls,
    });
    this.#onReached(this.#parts.catalogue.snapshot.revision);
  }

  #listen({ descriptor, hostname, port, idleSeconds, tls, urls, ...socket }: WorkerSocket): void {
    this.#urls = urls;
    const { mainPort, secret, busy } = socket;
    this.#listener = new OwnListener(
      {
        hostname,
        port,
        passed: { descriptor, hostname, port },
        tls,
        ...(idleSeconds !== undefined && { idleSeconds }),
      },
      this.#parts!.handle,
      () => {
        throw new TypeError("a worker opens no other listener");
      },
      {
        main: {
          answers: (head) => !isWorkerCall(head),
          port: mainPort,
          greeting: (connection) => greetingOf(secret, connection),
          busy: new BusyPortCounts(busy),
        },
      },
    );
  }

  async #close(): Promise<void> {
    this.#parts?.streams.close();
    if (this.#draining) await within(lastFramesTimeout, this.#draining);
    await this.#listener?.close();
    await this.#parts?.close();
    this.#link.flush();
  }
}

/** Opens the parts of a worker. */
async function open(
  link: MainLink,
  options: WorkerOptions,
  contents: Contents,
  listener: { know(request: Request): void; urls(): readonly string[] },
) {
  const { publicUrls, hasAccessLog, traces } = options;
  const { now } = Date;
  const elapsed = performance.now.bind(performance);
  const random = systemRandom;
  const catalogue = await Catalogue.copyOf(contents, noStore);
  const metrics = new Metrics();
  const pulse = new Pulse();
  measureLoopDelay(pulse, metrics);
  returnMemory(pulse);
  const log = (level: "warn" | "error") => (text: string) => link.note({ is: "log", level, text });
  const accessLog = hasAccessLog
    ? createAccessLog((line) => link.note({ is: "line", line }), now)
    : undefined;
  const isSelf = selfTest(publicUrls, listener.urls);
  const outbound = createOutbound({ isSelf, proxyFor: proxyRule(options.environment) });
  const tracer =
    traces &&
    openTracer(
      { ...traces, url: new URL(traces.url) },
      {
        outbound,
        metrics,
        log: { info() {}, success() {}, warn: log("warn"), error: log("error") },
        random,
        now,
        elapsed,
      },
    );
  const deadlines = new Deadlines();
  const bodies = new BodyBudget(deadlines, options.bodies);
  const answers = new BodyBudget(deadlines, options.bodies);
  registerBodyGauges(metrics, { request: bodies, answer: answers });
  const streams = new OpenStreams(catalogue, now);
  metrics.gauge("mcpctl_open_streams", "Answers that are being sent", () => streams.size);
  const audit = new RemoteAudit(link, accessLog?.recorded);
  const inference = new Inference({
    catalogue,
    secrets: new RemoteKeys(link, catalogue, elapsed),
    audit,
    limits: new RemoteLimits(link, catalogue),
    sealed: {
      remember(llmId, output) {
        const keys = sealedKeys(output);
        if (keys.length > 0) link.note({ is: "sealed", llmId, keys });
      },
      // Requests that have some are passed on.
      originOf: () => undefined,
    },
    metrics: new CallMetrics(metrics),
    streams,
    deadlines,
    outbound,
    answers,
    ...(tracer && { tracer }),
    isForMainThread,
    now,
  });
  const health = new HealthNotes(link, catalogue);
  const server = {
    catalogue,
    metrics,
    bodies,
    deadlines,
    publicUrls,
    audit,
    inference,
    toolCalls: {
      begin(): never {
        throw new MainThreadCall();
      },
    },
    know: listener.know,
    endQuiet() {},
    now,
  };
  const handle = createApp(server, inferenceRoutes(server), {
    peer: "tcp",
    publicUrls,
    nextRequestId: requestIds(random),
    ...(accessLog && { accessLog }),
    logUnexpected: (error, id) => log("error")(`${id} ${describeError(error)}`),
  });
  return {
    catalogue,
    metrics,
    streams,
    handle,
    async close() {
      health.close();
      pulse.close();
      await tracer?.close();
      await outbound.close();
      catalogue.close();
    },
  };
}
