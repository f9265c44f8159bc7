import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { orAborted, pause, type Time } from "../../time.ts";

/** Milliseconds between two checks whether the server is ready. */
const pollMs = 1_500;
/** After a failed wake none is tried for so many milliseconds. */
const coolDownMs = 30_000;

/** One run of a wake recipe. */
export interface WakeAttempt {
  /** Resolves when the recipe has succeeded. Rejects with AppError when it has failed. */
  readonly done: Promise<void>;
  /** Ends what the recipe has started, because it took too long or another run is about to begin. */
  end(): Promise<void>;
}

export interface WakerOptions {
  /** Name of the provider, for the log. */
  name: string;
  maxWaitSeconds: number;
  begin(): WakeAttempt;
  /** Returns undefined when the server is ready, otherwise what is missing, in a few words that name no host. */
  missing(signal: AbortSignal): Promise<string | undefined>;
  /** Called when a wake has begun, and when it is over. */
  onChange(): void;
  log: Log;
  time: Time;
}

/**
 * Wakes a server once for any number of callers, and goes on when they give up. After a failure it is not woken again
 * for 30 s.
 */
export class Waker {
  readonly #options: WakerOptions;
  #running: { over: Promise<void>; since: number } | undefined;
  #attempt: WakeAttempt | undefined;
  #lastFailure: { reason: string; until: number } | undefined;
  readonly #closed = new AbortController();

  constructor(options: WakerOptions) {
    this.#options = options;
  }

  /** Milliseconds since the current wake began; undefined when there is none. */
  get waking(): number | undefined {
    return this.#running && this.#options.time.elapsed() - this.#running.since;
  }

  /** Reason of the last failure; undefined after a success, and before the first wake. */
  get failure(): string | undefined {
    return this.#lastFailure?.reason;
  }

  /** True while no wake is tried after a failure. */
  get coolingDown(): boolean {
    return this.#lastFailure !== undefined && this.#options.time.elapsed() < this.#lastFailure.until;
  }

  /** Forgets the last failure, because the server can be called again. */
  forgetFailure(): void {
    this.#lastFailure = undefined;
  }

  /**
   * Wakes the server. Returns when it is ready.
   *
   * @throws AppError `unavailable` with `retryAfter` when it fails or has failed just before; `client_closed_request` when
   *   the signal aborts, which does not stop the wake
   */
  async wake(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw gone();
    if (!this.#running) {
      const left = (this.#lastFailure?.until ?? 0) - this.#options.time.elapsed();
      if (this.#lastFailure && left > 0) throw notWoken(this.#lastFailure.reason, left);
      this.#running = { since: this.#options.time.elapsed(), over: this.#run() };
      this.#running.over.catch(() => {});
      this.#options.onChange();
    }
    await orAborted(this.#running.over, signal, gone);
  }

  /** Ends the current wake. Its callers get an error. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#running?.over.catch(() => {});
    await this.#attempt?.end();
  }

  async #run(): Promise<void> {
    const { name, log } = this.#options;
    try {
      await this.#attemptIt();
      this.#lastFailure = undefined;
      log.info(`${name} is awake`);
    } catch (error) {
      const reason = error instanceof AppError ? error.message : "the recipe failed";
      log.warn(`${name} could not be woken: ${reason}`);
      this.#lastFailure = { reason, until: this.#options.time.elapsed() + coolDownMs };
      throw notWoken(reason, coolDownMs);
    } finally {
      this.#running = undefined;
      this.#options.onChange();
    }
  }

  async #attemptIt(): Promise<void> {
    const { name, maxWaitSeconds, begin, log, time } = this.#options;
    // A command may still run since the last wake. It would disturb the next one.
    await this.#attempt?.end();
    log.info(`waking ${name}`);
    const attempt = begin();
    this.#attempt = attempt;
    // A recipe that has succeeded may leave a process in the background, which is not ended.
    const forget = () => {
      if (this.#attempt === attempt) this.#attempt = undefined;
    };
    attempt.done.then(forget, forget);
    const stopped = new AbortController();
    const signal = AbortSignal.any([stopped.signal, this.#closed.signal]);
    const late = Promise.withResolvers<never>();
    let missing = "it does not respond";
    const tooLate = time.after(maxWaitSeconds * 1000, () =>
      late.reject(wakeError(`it was not ready after ${maxWaitSeconds} s: ${missing}`)),
    );
    const closing = () => late.reject(wakeError("the agent is about to stop"));
    this.#closed.signal.addEventListener("abort", closing);
    const ready = async () => {
      while (!signal.aborted) {
        const what = await this.#options.missing(signal);
        if (what === undefined) return;
        missing = what;
        await pause(time, pollMs, signal);
      }
    };
    // A recipe that succeeds says nothing yet about the server; one that fails ends the wake.
    const failing = attempt.done.then(() => late.promise);
    try {
      if (this.#closed.signal.aborted) closing();
      await Promise.race([ready(), failing, late.promise]);
    } catch (error) {
      await attempt.end();
      throw error;
    } finally {
      tooLate();
      stopped.abort();
      this.#closed.signal.removeEventListener("abort", closing);
      failing.catch(() => {});
      late.promise.catch(() => {});
    }
  }
}

/** Returns the error of a failed wake. Callers see the reason: it names no host, path or command of this machine. */
export function wakeError(reason: string): AppError {
  return new AppError("unavailable", reason);
}

/** Beginning of the message of a failed wake; the reason follows. */
export const notWokenBecause = "the model could not be woken: ";

function notWoken(reason: string, milliseconds: number): AppError {
  return new AppError("unavailable", notWokenBecause + reason, {
    retryAfter: Math.ceil(milliseconds / 1000),
  });
}

function gone(): AppError {
  return new AppError("client_closed_request", "the caller went away while the model was waking");
}
