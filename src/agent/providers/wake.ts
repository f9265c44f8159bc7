import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { pause, type Time } from "../../time.ts";

/** Milliseconds between two looks whether it is ready. */
const pollMs = 1_500;
/** Milliseconds in which, after a failure, it is not tried again. */
const coolDownMs = 30_000;

/** One go at waking: what begins it, and how to end it early. */
export interface Attempt {
  /** Resolves when the recipe is through, rejects with AppError when it has failed. */
  readonly done: Promise<void>;
  /** It took too long, or another one is about to begin: what it has started is ended. */
  end(): Promise<void>;
}

export interface WakerOptions {
  /** For the log. */
  name: string;
  maxWaitSeconds: number;
  begin(): Attempt;
  /** Undefined when it is ready; else what is missing, in a few words that name no host. */
  missing(signal: AbortSignal): Promise<string | undefined>;
  /** It has begun, or is over. */
  onChange(): void;
  log: Log;
  time: Time;
}

/**
 * Wakes a server, once for however many ask. It goes on when those who ask give up. After a failure it is left alone
 * for 30 s.
 */
export class Waker {
  readonly #options: WakerOptions;
  #running: { over: Promise<void>; since: number } | undefined;
  #attempt: Attempt | undefined;
  #failed: { reason: string; until: number } | undefined;
  readonly #closed = new AbortController();

  constructor(options: WakerOptions) {
    this.#options = options;
  }

  /** Milliseconds since the wake that is under way began; undefined when none is. */
  get waking(): number | undefined {
    return this.#running && this.#options.time.elapsed() - this.#running.since;
  }

  /** Why the last wake failed; undefined after one that did not, and before the first. */
  get failure(): string | undefined {
    return this.#failed?.reason;
  }

  /** It has failed just before, and is not tried yet. */
  get coolingDown(): boolean {
    return this.#failed !== undefined && this.#options.time.elapsed() < this.#failed.until;
  }

  /** It answers again, whoever has seen to that: what failed before says nothing any more. */
  forgive(): void {
    this.#failed = undefined;
  }

  /**
   * Returns when it is ready.
   *
   * @throws AppError `unavailable` with `retryAfter` when it fails, or has failed just before; `client_closed_request`
   * when the signal aborts, which does not stop it
   */
  async wake(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw gone();
    if (!this.#running) {
      const left = (this.#failed?.until ?? 0) - this.#options.time.elapsed();
      if (this.#failed && left > 0) throw notWoken(this.#failed.reason, left);
      this.#running = { since: this.#options.time.elapsed(), over: this.#run() };
      this.#running.over.catch(() => {});
      this.#options.onChange();
    }
    const { promise: left, reject } = Promise.withResolvers<never>();
    const leave = () => reject(gone());
    signal.addEventListener("abort", leave, { once: true });
    try {
      await Promise.race([this.#running.over, left]);
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** Ends what is under way. Whoever waits for it is told that it failed. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#running?.over.catch(() => {});
    await this.#attempt?.end();
  }

  async #run(): Promise<void> {
    const { name, log } = this.#options;
    try {
      await this.#attemptIt();
      this.#failed = undefined;
      log.info(`${name} is awake`);
    } catch (error) {
      const reason = error instanceof AppError ? error.message : "the recipe failed";
      log.warn(`${name} could not be woken: ${reason}`);
      this.#failed = { reason, until: this.#options.time.elapsed() + coolDownMs };
      throw notWoken(reason, coolDownMs);
    } finally {
      this.#running = undefined;
      this.#options.onChange();
    }
  }

  async #attemptIt(): Promise<void> {
    const { name, maxWaitSeconds, begin, log, time } = this.#options;
    // A command that was left running when the server was ready is in the way of the next one.
    await this.#attempt?.end();
    log.info(`waking ${name}`);
    const attempt = begin();
    this.#attempt = attempt;
    // What a recipe that is through has left in the background is not ours to end when all went well.
    const forget = () => {
      if (this.#attempt === attempt) this.#attempt = undefined;
    };
    attempt.done.then(forget, forget);
    const stopped = new AbortController();
    const signal = AbortSignal.any([stopped.signal, this.#closed.signal]);
    const late = Promise.withResolvers<never>();
    let missing = "it does not answer";
    const tooLate = time.after(maxWaitSeconds * 1000, () =>
      late.reject(failed(`it was not ready after ${maxWaitSeconds} s: ${missing}`)),
    );
    const closing = () => late.reject(failed("the agent has given it up"));
    this.#closed.signal.addEventListener("abort", closing);
    const ready = async () => {
      while (!signal.aborted) {
        const what = await this.#options.missing(signal);
        if (what === undefined) return;
        missing = what;
        await pause(time, pollMs, signal);
      }
    };
    // A recipe that is through says nothing yet of the server; one that has failed says all.
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

/** A failure of a wake. The reason is shown to callers: it names no host, path or command of this machine. */
export function failed(reason: string): AppError {
  return new AppError("unavailable", reason);
}

/** How a message begins that goes on with the reason. */
export const notWokenBecause = "the model could not be woken: ";

function notWoken(reason: string, milliseconds: number): AppError {
  return new AppError("unavailable", notWokenBecause + reason, {
    retryAfter: Math.ceil(milliseconds / 1000),
  });
}

function gone(): AppError {
  return new AppError("client_closed_request", "whoever waited for the model has gone");
}
