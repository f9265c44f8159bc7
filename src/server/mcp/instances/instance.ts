import { Bag } from "../../../bag.ts";
import { type EndSignal, nativeSignal } from "../../../end-signal.ts";
import { AppError } from "../../../errors.ts";
import type { RpcNotification } from "../../../mcp/messages.ts";
import { AuthorizationNeeded } from "../../../mcp/oauth/authorized-outbound.ts";
import { McpFailure } from "../../../mcp/rpc-error.ts";
import { backoffDelay, orAborted, type Time } from "../../../time.ts";
import type { InstanceStatus } from "../../core/store/mcp-status.ts";
import { storable } from "../../core/store/storable.ts";
import type { ServerCall } from "../types.ts";
import type { McpConnection } from "./connection.ts";
import { FairQueue } from "./fair-queue.ts";
import { HealthCheck } from "./health-check.ts";
import type { InstanceLog } from "./logs/instance-log.ts";
import { type StartFailure, shown, startFailure } from "./start-problem.ts";

export type InstanceState = InstanceStatus["state"];

/** The surroundings of an instance: the server that it belongs to. */
export interface InstanceOwner {
  readonly serverName: string;
  readonly time: Time;
  /** Starts a process or connects to a url, and lists what is there. */
  open(instance: Instance, signal: EndSignal, onClose: (reason: Error) => void): Promise<McpConnection>;
  /** True while an instance that has ended is started again without a call. */
  isWanted(instance: Instance): boolean;
  /** Called after each change of state. */
  changed(instance: Instance): void;
  settings(): InstanceSettings;
}

/** Times are in milliseconds. */
export interface InstanceSettings {
  isRemote: boolean;
  /** True if the server has listed what it has before. */
  wasListed: boolean;
  callTime: number;
  /** 0: never. */
  idleTime: number;
}

/** Calls of one instance: at a time, waiting, waiting of one caller. */
const calls = { limit: 16, maxWaiting: 1000, maxPerCaller: 200 };

/** Waits between two starts, in milliseconds. */
const processSpan = { first: 1000, longest: 300_000 };
const remoteSpan = { first: 1000, longest: 60_000 };

/** A server elsewhere that has failed so often in a row is not called until a try in the background succeeds. */
const breakerAfter = 5;

/** A call waits so long for the next start of a program that has ended. One that ends again and again fails it at once. */
const longestWait = 5000;

/** An instance that has run so long starts again as one that never failed. Milliseconds. */
const stableTime = 60_000;

/** One process of a server, or one connection to it. It is started when it is needed, and again when it has ended. */
export class Instance {
  readonly number: number;
  /** The name of the callers' part: "" for instances that all share. */
  readonly key: string;
  readonly log: InstanceLog;
  readonly queue: FairQueue;
  /** The resources whose changes the server tells on it. It runs for as long as there are any. */
  readonly followed = new Set<string>();
  readonly underWay = new Bag<ServerCall>();
  /** The id of its row. Another one after somebody has deleted the row. */
  id: string;
  state: InstanceState = "stopped";
  restarts = 0;
  /** Milliseconds of the monotonic clock. */
  usedAt: number;
  failure: StartFailure | undefined;
  protocol: string | undefined;
  readonly #owner: InstanceOwner;
  readonly #health: HealthCheck;
  #connection: McpConnection | undefined;
  /** Connections that are not used any more, but on which calls are under way. */
  readonly #retired = new Set<McpConnection>();
  #startedAt: number | undefined;
  #starting: { done: Promise<McpConnection>; abort: AbortController } | undefined;
  #closing: Promise<void> | undefined;
  #failures = 0;
  #refusals = 0;
  /** The next start. `isAsked`: the server wants no call before. */
  #retry: { at: number; isAsked: boolean; cancel: () => void; done: PromiseWithResolvers<void> } | undefined;
  #isOver = false;

  constructor(
    owner: InstanceOwner,
    { id, number, key, log }: { id: string; number: number; key: string; log: InstanceLog },
  ) {
    this.#owner = owner;
    this.id = id;
    this.number = number;
    this.key = key;
    this.log = log;
    this.usedAt = owner.time.elapsed();
    this.#health = new HealthCheck(owner.time);
    const onFull = () =>
      new AppError("too_many_requests", `too many calls wait for ${owner.serverName}`, { retryAfter: 1 });
    this.queue = new FairQueue({ ...calls, onFull });
  }

  /** The connection, if there is one. */
  get connection(): McpConnection | undefined {
    return this.#connection;
  }

  /** The start of the present run, in milliseconds of the monotonic clock. */
  get startedAt(): number | undefined {
    return this.#startedAt;
  }

  /**
   * Returns the connection; starts the instance if it does not run.
   *
   * @param until the end of the wait, in milliseconds of the monotonic clock
   * @throws AppError `unavailable` with the reason, if it cannot be started by then
   */
  async ready(until: number, signal?: EndSignal): Promise<McpConnection> {
    if (this.#connection) return this.#connection;
    const { time } = this.#owner;
    this.usedAt = time.elapsed();
    const deadline = new AbortController();
    const stopTimer = time.after(Math.max(0, until - time.elapsed()), () => deadline.abort());
    const either = signal ? nativeSignal(signal, deadline.signal) : deadline.signal;
    const onAbort = () =>
      signal?.aborted
        ? new AppError("client_closed_request", "the caller has gone")
        : this.#unavailable("it did not start in time");
    try {
      const { isRemote } = this.#owner.settings();
      if (this.#retry && (!isRemote || this.#retry.isAsked || this.#failures >= breakerAfter)) {
        const wait = isRemote ? 0 : Math.min(longestWait, until - time.elapsed());
        if (this.failure?.isFinal || this.#retry.at - time.elapsed() > wait) throw this.#unavailable();
        await orAborted(this.#retry.done.promise, either, onAbort);
      }
      for (;;) {
        try {
          return await orAborted(this.start(), either, onAbort);
        } catch (error) {
          // Somebody has stopped it while it started: nothing was sent to it, so that it can be started again.
          const isCancelled = error instanceof McpFailure && error.kind === "cancelled";
          if (!isCancelled || this.#isOver || either.aborted) throw error;
        }
      }
    } catch (error) {
      throw error instanceof AppError ? error : this.#unavailable();
    } finally {
      stopTimer();
    }
  }

  /** Hands a notification to the call that has been under way for longest. */
  tellCaller(notification: RpcNotification): void {
    const [call] = this.underWay;
    call?.onNotification?.(notification);
  }

  /** Begins a start, or joins the one under way. @throws the error of the start */
  start(): Promise<McpConnection> {
    if (this.#isOver) return Promise.reject(this.#unavailable("it was stopped"));
    if (this.#connection) return Promise.resolve(this.#connection);
    if (!this.#starting) {
      this.#cancelRetry();
      const abort = new AbortController();
      const started = Promise.withResolvers<McpConnection>();
      started.promise.catch(() => undefined);
      this.#starting = { done: started.promise, abort };
      this.#attempt(abort).then(started.resolve, started.reject);
    }
    return this.#starting.done;
  }

  /** Notes that the server has answered a call. */
  answered(): void {
    this.usedAt = this.#owner.time.elapsed();
    this.#refusals = 0;
    this.#health.alive();
  }

  /** Takes the failure of a call on a connection, which may mean the end of the connection. */
  callFailed(connection: McpConnection, error: McpFailure): void {
    if (connection !== this.#connection) return;
    const { kind, status = 0 } = error;
    if (kind === "timeout") return this.#health.suspect();
    if (kind === "session") return this.#lose(connection, undefined);
    // The access of its session may be over, or one answer was wrong: the next start shows which.
    if (error instanceof AuthorizationNeeded && status === 401) {
      this.#lose(connection, undefined);
      return void this.start().catch(() => undefined);
    }
    if (kind === "refused" && status >= 500 && ++this.#refusals < breakerAfter) return;
    if (kind === "closed" || (kind === "refused" && status >= 500)) this.#lose(connection, error);
  }

  /** Ends the connection. The next call starts it again. */
  async stop(reason: string): Promise<void> {
    this.#cancelRetry();
    const connection = this.#connection;
    const starting = this.#starting;
    this.#connection = undefined;
    this.#starting = undefined;
    if (connection || starting) this.log.line(`stopped: ${reason}`);
    for (const one of [...this.#retired, ...(connection ? [connection] : [])]) this.#close(() => one.close());
    starting?.abort.abort();
    if (starting) this.#close(() => starting.done.then(() => undefined));
    this.failure = undefined;
    this.#failures = 0;
    this.#set("stopped");
    await this.#closing;
  }

  /** Ends it for good. Calls that wait get an error. */
  async end(reason: string): Promise<void> {
    this.#isOver = true;
    this.queue.clear(this.#unavailable(reason));
    await this.stop(reason);
    this.log.close();
  }

  /** Ends it for good when its calls are over, or after a time in milliseconds. */
  async retire(reason: string, longest: number): Promise<void> {
    const { time } = this.#owner;
    const end = time.elapsed() + longest;
    while (this.queue.load > 0 && time.elapsed() < end) {
      const { promise, resolve } = Promise.withResolvers<void>();
      time.after(100, resolve);
      await promise;
    }
    await this.end(reason);
  }

  /** Does what is due: ends it when it is idle, checks that it answers. */
  tick(check: Parameters<HealthCheck["run"]>[1]): void {
    const connection = this.#connection;
    if (!connection) return;
    const now = this.#owner.time.elapsed();
    const { idleTime, callTime } = this.#owner.settings();
    if (this.#failures > 0 && this.#startedAt !== undefined && now - this.#startedAt > stableTime)
      this.#failures = 0;
    const isBusy = this.queue.load > 0;
    if (!isBusy && this.followed.size === 0 && idleTime > 0 && now - this.usedAt >= idleTime)
      return void this.stop("idle").catch(() => undefined);
    void this.#health.run(connection, check, isBusy ? callTime : 0).then((reason) => {
      if (reason === undefined || connection !== this.#connection) return;
      this.log.line(reason);
      this.#set("unhealthy");
      this.#lose(connection, new McpFailure("timeout", reason));
    });
  }

  async #attempt(abort: AbortController): Promise<McpConnection> {
    const { time } = this.#owner;
    // No two processes of one instance: a server may hold a lock or a port.
    await this.#closing;
    let isClosed: Error | undefined;
    let connection: McpConnection | undefined;
    const onClose = (cause: Error) => {
      isClosed = new McpFailure("closed", cause.message, { cause });
      if (connection) this.#lose(connection, isClosed);
    };
    try {
      if (abort.signal.aborted) throw new McpFailure("cancelled", "the start was cancelled");
      this.#set("starting");
      this.log.begin();
      const opened = await this.#owner.open(this, abort.signal, onClose);
      if (isClosed || abort.signal.aborted) {
        await opened.close();
        throw isClosed ?? new McpFailure("cancelled", "the start was cancelled");
      }
      connection = opened;
      this.#connection = opened;
      this.#starting = undefined;
      this.protocol = opened.upstream.facts.revision;
      this.#startedAt = time.elapsed();
      this.usedAt = time.elapsed();
      this.#refusals = 0;
      this.#health.began();
      this.failure = undefined;
      this.#set("running");
      return opened;
    } catch (error) {
      if (abort.signal.aborted) throw error;
      this.#starting = undefined;
      this.#failed(error);
      throw error;
    }
  }

  /** Ends a connection that is of no use. It is made again at once after a lost session, and else after a wait. */
  #lose(connection: McpConnection, reason: Error | undefined): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    this.#leave(connection, reason);
    if (this.#isOver) return;
    this.restarts++;
    if (!reason) {
      this.log.line("the connection is made again: its session is not known any more, or was refused");
      this.#set("stopped");
      if (this.followed.size > 0) this.start().catch(() => undefined);
      return;
    }
    this.#failed(reason);
    const { failure } = this;
    // Its exit code and its last lines are known when it has ended.
    void this.#closing?.then(() => {
      if (this.failure !== failure) return;
      this.failure = this.#described(connection.ending?.() ?? reason);
      this.#set(this.state);
    });
  }

  /** Returns when connections that were given up are closed. */
  async settled(): Promise<void> {
    await this.#closing;
  }

  #described(error: unknown): StartFailure {
    const failure = startFailure(error, this.log.lastLines);
    const isRefusal = failure.type === "Unauthorized" || failure.type === "NeedsAuthorization";
    // One refusal of a server that let us in before hides nothing: the next start confirms it (failure mode 241).
    const isFinal =
      failure.isFinal && !(isRefusal && this.#owner.settings().wasListed && this.#failures === 0);
    // The words of programs: what cannot be stored would keep the failure from being seen (failure mode 291).
    return { ...failure, isFinal, message: storable(this.log.redacted(failure.message)) };
  }

  /** Closes a connection that is of no use for further calls. Those under way on it may still be answered. */
  #leave(connection: McpConnection, reason: Error | undefined): void {
    const isSilent = reason instanceof McpFailure && reason.kind === "timeout";
    const retiring = isSilent ? undefined : connection.retire?.();
    if (!retiring) return this.#close(() => connection.close());
    this.#retired.add(connection);
    void retiring.catch(() => undefined).then(() => this.#retired.delete(connection));
  }

  /** Ends something, before which nothing new is started. */
  #close(end: () => Promise<void>): void {
    const before = this.#closing;
    const closing = Promise.all([before, end().catch(() => undefined)]).then(() => {
      if (this.#closing === closing) this.#closing = undefined;
    });
    this.#closing = closing;
  }

  /** Notes a failure, and tries again later for as long as somebody wants it. */
  #failed(error: unknown): void {
    const { time } = this.#owner;
    this.failure = this.#described(error);
    const span = this.#owner.settings().isRemote ? remoteSpan : processSpan;
    const asked = error instanceof McpFailure ? (error.retryAfter ?? 0) * 1000 : 0;
    const delay = Math.max(
      asked,
      backoffDelay(this.#failures++, span, () => time.random()),
    );
    this.log.line(`${this.failure.message}; next start in ${Math.ceil(delay / 1000)} s`);
    const done = Promise.withResolvers<void>();
    const act = () => {
      this.#retry = undefined;
      if (this.#owner.isWanted(this)) this.start().catch(() => undefined);
      // Also after a final failure: it gives its place to others, and the next call or listing starts it (failure mode 256).
      else this.#set("stopped");
      done.resolve();
    };
    this.#retry = { at: time.elapsed() + delay, isAsked: asked > 0, cancel: time.after(delay, act), done };
    this.#set(this.failure.isFinal ? "failed" : "backoff");
  }

  #cancelRetry(): void {
    this.#retry?.cancel();
    this.#retry?.done.resolve();
    this.#retry = undefined;
  }

  #set(state: InstanceState): void {
    if (this.state === state && state !== "backoff" && state !== "failed") return;
    this.state = state;
    this.#owner.changed(this);
  }

  #unavailable(reason = this.failure?.message ?? "it does not run"): AppError {
    const wait = this.#retry ? Math.max(0, this.#retry.at - this.#owner.time.elapsed()) : 0;
    return new AppError(
      "unavailable",
      `MCP server ${this.#owner.serverName} is not available: ${shown(reason)}`,
      {
        retryAfter: Math.ceil(wait / 1000) || 1,
      },
    );
  }
}
