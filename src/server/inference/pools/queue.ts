import { AppError } from "../../../errors.ts";
import type { Deadlines } from "../../core/deadlines.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";
import { callerLeft } from "../pace.ts";

/** How many calls an llm answers at a time. */
export interface QueueLimits {
  /** Infinity where the llm has no such limit. */
  maxConcurrent: number;
  /** How long a call waits for its turn. */
  queueSeconds: number;
}

const usualQueueSeconds = 30;
const unlimited: QueueLimits = { maxConcurrent: Number.POSITIVE_INFINITY, queueSeconds: 0 };

/** The most that a caller who is refused is told to wait, in seconds. */
const longestRetryAfter = 3600;

/** The weight of what is new in the average of how fast a queue moves. */
const weightOfLast = 0.2;

/** A row never changes, so what follows from it is worked out once. */
const known = new WeakMap<LlmRow, QueueLimits>();

/** Returns the `limits` of an llm with their defaults. */
export function queueLimitsOf(llm: LlmRow): QueueLimits {
  const cached = known.get(llm);
  if (cached) return cached;
  const { limits } = llm.spec;
  const made = limits ? { ...unlimited, queueSeconds: usualQueueSeconds, ...limits } : unlimited;
  known.set(llm, made);
  return made;
}

/**
 * The calls of one llm: those that it answers, and those that wait. The users who wait take turns, so that one
 * with a hundred calls does not keep another from his first: deficit round robin, where all calls weigh the same.
 */
export class CallQueue {
  /** Calls that are being answered. */
  inFlight = 0;
  #maxConcurrent = Number.POSITIVE_INFINITY;
  /** By user id, the next one first: what lets each waiting call go on. */
  readonly #waiting = new Map<string, Set<() => void>>();
  /** When the last place was taken, or given up while all were taken. Milliseconds. */
  #busySince = 0;
  /** Milliseconds from one place given up to the next while all are taken, on average. */
  #interval = 0;
  readonly #deadlines: Deadlines;
  readonly #elapsed: () => number;

  /** @param elapsed milliseconds; never goes back */
  constructor(deadlines: Deadlines, elapsed: () => number) {
    this.#deadlines = deadlines;
    this.#elapsed = elapsed;
  }

  /** How many calls wait. */
  get waiting(): number {
    let calls = 0;
    for (const { size } of this.#waiting.values()) calls += size;
    return calls;
  }

  /**
   * Takes a place; `leave` gives it back. Returns nothing where there is one, else a promise to wait for.
   *
   * @param limits as they are now: they hold for those who wait, too
   * @throws AppError `too_many_requests` with the seconds after which to come back; `client_closed_request`
   */
  enter(limits: QueueLimits, user: string, signal: AbortSignal): Promise<void> | undefined {
    this.#maxConcurrent = limits.maxConcurrent;
    this.#serve();
    if (this.inFlight < this.#maxConcurrent) {
      this.#take();
      return undefined;
    }
    if (limits.queueSeconds === 0) throw this.#refusal(user);
    return this.#wait(limits.queueSeconds, user, signal);
  }

  leave(): void {
    if (this.inFlight >= this.#maxConcurrent) {
      const now = this.#elapsed();
      const interval = now - this.#busySince;
      this.#interval = this.#interval === 0 ? interval : mix(this.#interval, interval);
      this.#busySince = now;
    }
    this.inFlight--;
    this.#serve();
  }

  #take(): void {
    this.inFlight++;
    if (this.inFlight >= this.#maxConcurrent) this.#busySince = this.#elapsed();
  }

  #serve(): void {
    while (this.#waiting.size > 0 && this.inFlight < this.#maxConcurrent) {
      const [user, calls] = this.#waiting.entries().next().value!;
      const goOn = calls.values().next().value!;
      this.#remove(user, calls, goOn);
      // Whoever has had a turn is behind all others.
      if (calls.size > 0) {
        this.#waiting.delete(user);
        this.#waiting.set(user, calls);
      }
      this.#take();
      goOn();
    }
  }

  #wait(seconds: number, user: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw callerLeft();
    const calls = this.#waiting.get(user) ?? new Set();
    this.#waiting.set(user, calls);
    return new Promise((served, refused) => {
      const settle = () => {
        deadline.cancel();
        signal.removeEventListener("abort", onAbort);
      };
      const goOn = () => {
        settle();
        served();
      };
      const onAbort = () => {
        settle();
        this.#remove(user, calls, goOn);
        refused(callerLeft());
      };
      const deadline = this.#deadlines.after(seconds * 1000, () => {
        settle();
        this.#remove(user, calls, goOn);
        refused(this.#refusal(user));
      });
      signal.addEventListener("abort", onAbort);
      calls.add(goOn);
    });
  }

  #remove(user: string, calls: Set<() => void>, goOn: () => void): void {
    calls.delete(goOn);
    if (calls.size === 0) this.#waiting.delete(user);
  }

  /** Says when a call of this user would have its turn, as fast as it goes now. */
  #refusal(user: string): AppError {
    const turns = (this.#waiting.get(user)?.size ?? 0) + 1;
    let calls = turns;
    for (const [other, { size }] of this.#waiting) if (other !== user) calls += Math.min(size, turns);
    const interval = Math.max(this.#interval, this.#elapsed() - this.#busySince);
    const retryAfter = Math.min(longestRetryAfter, Math.max(1, Math.ceil((calls * interval) / 1000)));
    return new AppError("too_many_requests", `the llm is busy: it takes ${this.#maxConcurrent} at a time`, {
      retryAfter,
    });
  }
}

function mix(average: number, last: number): number {
  return average * (1 - weightOfLast) + last * weightOfLast;
}

/** The queues of all llms. */
export class CallQueues {
  readonly #byId = new Map<string, CallQueue>();
  readonly #make: () => CallQueue;

  /** @param elapsed milliseconds; never goes back */
  constructor(deadlines: Deadlines, elapsed: () => number) {
    this.#make = () => new CallQueue(deadlines, elapsed);
  }

  of(llm: LlmRow): CallQueue {
    const queue = this.#byId.get(llm.id);
    if (queue) return queue;
    const made = this.#make();
    this.#byId.set(llm.id, made);
    return made;
  }

  /** How many calls wait. */
  get waiting(): number {
    let calls = 0;
    for (const queue of this.#byId.values()) calls += queue.waiting;
    return calls;
  }

  /** The llm is gone. Calls that hold a place or wait for one go on. */
  forget(llm: string): void {
    this.#byId.delete(llm);
  }
}
