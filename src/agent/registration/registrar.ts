import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { backoffDelay, pause, reconnectSpan } from "../../time.ts";
import { version } from "../../version.ts";
import { heartbeatMs, leaseMs } from "../../wire/link/constants.ts";
import { newestRevision, olderThan } from "../../wire/link/revisions/index.ts";
import type { ServerCalls } from "../session/server-calls.ts";
import type { AgentSession } from "../session/session.ts";
import type { SessionFile } from "../session/session-file.ts";
import type { Attacher } from "../transports/attacher.ts";
import type { LinkEnd, ServerLink } from "../transports/server-link.ts";
import type { HeartbeatOptions } from "./heartbeat.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { PublishedSet } from "./published-set.ts";
import { fencedError, reasonOf } from "./refusals.ts";

/** A link that has lasted so many milliseconds was stable: the backoff begins again. */
const stableMs = 60_000;
/** The longest time between two heartbeats that a server can ask for, in milliseconds. */
const slowestBeatMs = 10 * 60_000;
/** A refused bearer is tried again after so many milliseconds, and a new one at once. */
const refusedMs = 30_000;
/** The longest wait that a server can ask for, in milliseconds: its models cannot be called meanwhile (T104). */
const longestBusyMs = 300_000;
/** Milliseconds between two reads of the bearer. */
const bearerMs = 5_000;
/** Refused entries are tried again after so many milliseconds: a name is free when the lease of a lost agent is over. */
const droppedMs = leaseMs + 10_000;
/** Agents that have lost a stopping server come back within so many milliseconds, at random times. */
const shedMs = 5_000;

export interface RegistrarOptions {
  session: AgentSession;
  sessionFile: SessionFile;
  publication: PublishedSet;
  calls: ServerCalls;
  attacher: Attacher;
  /** Id of this process. */
  bootId: string;
  /** The name of this machine, for people. */
  workstation: string;
  state: HeartbeatOptions["state"];
  log: Log;
  onLink(link: ServerLink): void;
  onLost(end: LinkEnd): void;
}

/** Keeps this agent registered and attached. */
export class Registrar {
  readonly #options: RegistrarOptions;
  /** Failures since the last link that lasted. */
  #failures = 0;
  #wake = Promise.withResolvers<void>();
  /** The set that was registered last, as JSON. */
  #published: string | undefined;
  /** The names in it, as `providers/name`. */
  #names: readonly string[] = [];
  #heartbeat: Heartbeat | undefined;
  /** The server's choice, in milliseconds. */
  #beatEvery = heartbeatMs;
  /** The reason that was logged last. */
  #logged = "";

  constructor(options: RegistrarOptions) {
    this.#options = options;
  }

  /** The names that the server has registered last, as `providers/name`. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** Registers again, because what is published has changed. */
  published(): void {
    this.#wake.resolve();
  }

  /** Sends a heartbeat, because the state has changed. */
  state(): void {
    this.#heartbeat?.soon();
  }

  /**
   * Registers, attaches, and does so again after each loss, until the signal aborts.
   *
   * @throws AppError `fenced` when another agent has taken over the session
   */
  async run(signal: AbortSignal): Promise<void> {
    const { time, bearer } = this.#options.calls;
    const stopBearer = this.#watchBearer();
    try {
      while (!signal.aborted) {
        bearer.refresh();
        this.#wake = Promise.withResolvers();
        const startedAt = time.elapsed();
        const after = await this.#once(signal);
        if (time.elapsed() - startedAt >= stableMs) this.#failures = 0;
        if (signal.aborted) return;
        await this.#waitFor(after ?? this.#backoff(), signal);
      }
    } finally {
      stopBearer();
    }
  }

  /** Registers, attaches and serves until the link is lost. Returns the wait; undefined to leave it to the backoff. */
  async #once(signal: AbortSignal): Promise<number | undefined> {
    const { session, attacher, onLink, onLost, log, calls } = this.#options;
    session.unsettle();
    // The server may have been updated meanwhile.
    session.revision = newestRevision;
    const startedAt = calls.time.elapsed();
    let link: ServerLink;
    try {
      if (!(await this.#register(signal))) return Number.POSITIVE_INFINITY;
      link = await attacher.attach(() => this.#register(signal), calls.time.elapsed() - startedAt);
    } catch (error) {
      return this.#afterFailure(error, signal);
    }
    if (signal.aborted) {
      link.close();
      return undefined;
    }
    session.settle();
    this.#logged = "";
    log.success(
      `connected to ${calls.url} (${link.transport === "sse" ? "server-sent events" : "WebSocket"})`,
    );
    onLink(link);
    const heartbeat = new Heartbeat({
      time: calls.time,
      every: this.#beatEvery,
      state: this.#options.state,
      send: (state) => link.heartbeat(state),
    });
    this.#heartbeat = heartbeat;
    heartbeat.soon();
    const end = await this.#serve(link, signal);
    heartbeat.stop();
    this.#heartbeat = undefined;
    link.close();
    session.unsettle();
    onLost(end);
    return this.#afterEnd(end);
  }

  /** Serves an attached link: registers changes of what is published, and sends a new bearer. */
  async #serve(link: ServerLink, signal: AbortSignal): Promise<LinkEnd> {
    const { session, publication, calls } = this.#options;
    const aborted = Promise.withResolvers<LinkEnd>();
    const onAbort = () => aborted.resolve({ why: "closed", reason: "closed" });
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    const fenced = session.fenced.then(
      (): LinkEnd => ({ why: "fenced", reason: "another agent has taken over" }),
    );
    let token = calls.bearer.current;
    let stopRetry: (() => void) | undefined;
    let retryAt = Number.POSITIVE_INFINITY;
    const retryAfter = (milliseconds: number) => {
      stopRetry?.();
      retryAt = calls.time.elapsed() + milliseconds;
      stopRetry = calls.time.after(milliseconds, () => this.#wake.resolve());
    };
    if (publication.isPartial) retryAfter(droppedMs);
    try {
      while (true) {
        const end = await Promise.race([link.ended, fenced, aborted.promise, this.#wake.promise]);
        if (end) return end;
        this.#wake = Promise.withResolvers();
        if (calls.bearer.current !== token) {
          token = calls.bearer.current;
          link.authenticate(token);
        }
        const isDue = calls.time.elapsed() >= retryAt;
        if (isDue) {
          retryAt = Number.POSITIVE_INFINITY;
          publication.retry();
        }
        if (!isDue && JSON.stringify(publication.current()) === this.#published) continue;
        session.unsettle();
        const { id } = session;
        try {
          await this.#register(signal);
          if (session.id !== id) return { why: "lost", reason: "the server has given a new session" };
          if (publication.isPartial) retryAfter(droppedMs);
        } catch (error) {
          this.#logFailure(error);
          // The server may have registered the change although its response was lost.
          if (!(error instanceof AppError) || error.status >= 500)
            return { why: "lost", reason: "registering again failed" };
          this.#published = undefined;
          retryAfter(refusedMs);
        }
        session.settle();
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      stopRetry?.();
    }
  }

  /**
   * Registers what is published, without the entries that the server refuses.
   *
   * @returns false when nothing is published and nothing has been since the start
   * @throws AppError
   */
  async #register(signal: AbortSignal): Promise<boolean> {
    const { session, sessionFile, publication, calls, bootId, workstation } = this.#options;
    while (true) {
      const sent = publication.current();
      const count = sent.providers.length + sent.agents.length + (sent.mcpServers?.length ?? 0);
      if (count === 0 && session.epoch === undefined) {
        this.#nothing();
        return false;
      }
      const response = await calls.register(
        {
          ...(session.id !== undefined && { providerSessionId: session.id }),
          protocol: session.revision.protocol,
          bootId,
          machineId: sessionFile.machineId,
          workstation,
          agentVersion: version.version,
          ...sent,
        },
        signal,
      );
      const { error, body } = response;
      const older = olderThan(session.revision);
      if (older && error?.details?.some(({ path }) => path === "/protocol")) {
        session.revision = older;
        continue;
      }
      if (error && (error.status === 409 || error.status === 400) && publication.drop(sent, error)) continue;
      if (error) throw error;
      const { providerSessionId, epoch, transports, heartbeatMs: beat } = body ?? {};
      if (typeof providerSessionId !== "string" || !/^[\x21-\x7e]{1,200}$/.test(providerSessionId))
        throw new AppError("unavailable", "unexpected response to a registration");
      session.id = providerSessionId;
      session.epoch = typeof epoch === "number" ? epoch : undefined;
      this.#options.attacher.offered = Array.isArray(transports) ? transports : ["sse"];
      this.#beatEvery =
        typeof beat === "number" ? Math.min(Math.max(1000, beat), slowestBeatMs) : heartbeatMs;
      if (sent.mcpServers && !Array.isArray(body?.mcpServers))
        publication.warnOnce("the server takes no MCP servers of workstations: update it");
      sessionFile.keep(providerSessionId);
      this.#published = JSON.stringify(sent);
      this.#names = Object.entries(sent).flatMap(([list, entries]: [string, { name: string }[]]) =>
        entries.map(({ name }) => `${list}/${name}`),
      );
      return true;
    }
  }

  #nothing(): void {
    const { publication, log } = this.#options;
    const line = publication.isPartial
      ? "nothing is published: the server refuses all of it"
      : 'nothing is published: no entry of config.json has "publish": true; to publish one: mcpctl agent publish NAME';
    if (line !== this.#logged) log.info(line);
    this.#logged = line;
  }

  /** Returns the wait after the end of a link; undefined to leave it to the backoff. Throws when the agent must stop. */
  #afterEnd({ why, reason }: LinkEnd): number | undefined {
    const { log, calls } = this.#options;
    if (why === "fenced") throw fencedError();
    if (why === "closed") return undefined;
    if (why === "revoked") {
      log.error(`the server has ended the session: ${reason}`);
      return calls.bearer.refresh() ? 0 : refusedMs * (1 + calls.time.random());
    }
    log.warn(`lost the server: ${reason}`);
    return why === "stopping" ? shedMs * calls.time.random() : undefined;
  }

  #afterFailure(error: unknown, signal: AbortSignal): number | undefined {
    if (signal.aborted) return undefined;
    if (!(error instanceof AppError)) throw error;
    if (error.code === "fenced") throw fencedError();
    this.#logFailure(error);
    const { time, bearer } = this.#options.calls;
    const slow = refusedMs * (1 + time.random());
    if (error.status === 401 && bearer.refresh()) return 0;
    if (error.status < 500 && error.status !== 408 && error.status !== 429) return slow;
    const next = this.#backoff();
    return Math.max(next, Math.min(longestBusyMs, 1000 * (error.retryAfter ?? 0)));
  }

  /** Returns the milliseconds from a failure to the next try. */
  #backoff(): number {
    return backoffDelay(this.#failures++, reconnectSpan, () => this.#options.calls.time.random());
  }

  /** Logs the reason why registering fails, once as long as it stays the same. */
  #logFailure(error: unknown): void {
    const line = error instanceof AppError ? reasonOf(error) : "registering failed";
    if (line !== this.#logged) this.#options.log.error(line);
    this.#logged = line;
  }

  /** Waits so many milliseconds, or until the bearer or what is published has changed. */
  async #waitFor(milliseconds: number, signal: AbortSignal): Promise<void> {
    const { calls, publication } = this.#options;
    const over = new AbortController();
    const enough = AbortSignal.any([signal, over.signal]);
    void this.#wake.promise.then(() => over.abort());
    // A name that was taken may be free by then.
    const untilRetry = milliseconds === Number.POSITIVE_INFINITY;
    await pause(calls.time, untilRetry ? droppedMs : milliseconds, enough);
    if (untilRetry && !over.signal.aborted) publication.retry();
  }

  /** Wakes the loop when the bearer has been rotated. Returns a function that ends that. */
  #watchBearer(): () => void {
    const { bearer, time } = this.#options.calls;
    bearer.onChange = () => this.#wake.resolve();
    let stop = () => {};
    const check = () => {
      stop = time.after(bearerMs, check);
      bearer.refresh();
    };
    stop = time.after(bearerMs, check);
    return () => stop();
  }
}
