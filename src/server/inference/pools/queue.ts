import type { EndSignal } from "../../../end-signal.ts";
import { AppError, callerLeft } from "../../../errors.ts";
import type { Deadlines } from "../../core/deadlines.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";

/** The `limits` of an llm, with defaults. */
export interface QueueLimits {
  /** Calls at a time. Infinity if the llm has no such limit. */
  maxConcurrent: number;
  /** The longest wait of a call for its turn. */
  queueSeconds: number;
}

const defaultQueueSeconds = 30;
const unlimited: QueueLimits = { maxConcurrent: Number.POSITIVE_INFINITY, queueSeconds: 0 };

/** The highest `retry-after` of a refused call, in seconds. */
const maxRetryAfter = 3600;

/** The weight of the last interval in the moving average of the queue's intervals. */
const weightOfLast = 0.2;

/** Returns the `limits` of an llm with their defaults. */
export const queueLimitsOf = oncePerObject(
  ({ spec: { limits } }: LlmRow): QueueLimits =>
    limits ? { ...unlimited, queueSeconds: defaultQueueSeconds, ...limits } : unlimited,
);

/** A place that a call has taken in a queue. It is given back once, and holds nothing else of the call: a stream may be long. */
export class QueuePlace {
  #queue: CallQueue | undefined;

  constructor(queue: CallQueue) {
    this.#queue = queue;
  }

  leave(): void {
    this.#queue?.leave();
    this.#queue = undefined;
  }
}

/**
 * The queue of one llm: the calls in flight, and those that wait. Users take turns, so that one user with a hundred
 * calls does not delay the first call of another: deficit round robin with calls of equal weight.
 */
export class CallQueue {
  /** Calls that are being answered. */
  inFlight = 0;
  #maxConcurrent = Number.POSITIVE_INFINITY;
  /** By user id, the next user first: functions that let the waiting calls continue. */
  readonly #waiting = new Map<string, Set<() => void>>();
  /** The time at which the last free place was taken, or a place was freed while all were taken. Milliseconds. */
  #busySince = 0;
  /** The average time between two freed places while all are taken. Milliseconds. */
  #interval = 0;
  readonly #deadlines: Deadlines;
  readonly #elapsed: () => number;

  /** @param elapsed the monotonic clock, in milliseconds */
  constructor(deadlines: Deadlines, elapsed: () => number) {
    this.#deadlines = deadlines;
    this.#elapsed = elapsed;
  }

  /** The number of waiting calls. */
  get waiting(): number {
    let calls = 0;
    for (const { size } of this.#waiting.values()) calls += size;
    return calls;
  }

  /**
   * Takes a place, which `leave` gives back. Returns undefined if there is a free place, otherwise a promise that ends
   * when the call's turn has come.
   *
   * @param limits the current limits of the llm; they apply to waiting calls too
   * @throws AppError `too_many_requests` with `retryAfter`; `client_closed_request`
   */
  enter(limits: QueueLimits, user: string, signal: EndSignal): Promise<void> | undefined {
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
      const proceed = calls.values().next().value!;
      this.#remove(user, calls, proceed);
      // A user who has had a turn is behind all others.
      if (calls.size > 0) {
        this.#waiting.delete(user);
        this.#waiting.set(user, calls);
      }
      this.#take();
      proceed();
    }
  }

  #wait(seconds: number, user: string, signal: EndSignal): Promise<void> {
    if (signal.aborted) throw callerLeft();
    const calls = this.#waiting.get(user) ?? new Set();
    this.#waiting.set(user, calls);
    return new Promise((resolve, reject) => {
      const settle = () => {
        deadline.cancel();
        signal.removeEventListener("abort", onAbort);
      };
      const proceed = () => {
        settle();
        resolve();
      };
      const onAbort = () => {
        settle();
        this.#remove(user, calls, proceed);
        reject(callerLeft());
      };
      const deadline = this.#deadlines.after(seconds * 1000, () => {
        settle();
        this.#remove(user, calls, proceed);
        reject(this.#refusal(user));
      });
      signal.addEventListener("abort", onAbort);
      calls.add(proceed);
    });
  }

  #remove(user: string, calls: Set<() => void>, proceed: () => void): void {
    calls.delete(proceed);
    if (calls.size === 0) this.#waiting.delete(user);
  }

  /** The refusal of a call, with an estimate of the time until a call of this user would have its turn. */
  #refusal(user: string): AppError {
    const turns = (this.#waiting.get(user)?.size ?? 0) + 1;
    let calls = turns;
    for (const [other, { size }] of this.#waiting) if (other !== user) calls += Math.min(size, turns);
    const interval = Math.max(this.#interval, this.#elapsed() - this.#busySince);
    const retryAfter = Math.min(maxRetryAfter, Math.max(1, Math.ceil((calls * interval) / 1000)));
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

  /** @param elapsed the monotonic clock, in milliseconds */
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

  /** The number of waiting calls. */
  get waiting(): number {
    let calls = 0;
    for (const queue of this.#byId.values()) calls += queue.waiting;
    return calls;
  }

  /** Forgets the queue of a deleted llm. Its calls continue. */
  forget(llm: string): void {
    this.#byId.delete(llm);
  }
}
