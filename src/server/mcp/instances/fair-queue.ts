import type { EndSignal } from "../../../end-signal.ts";
import { AppError } from "../../../errors.ts";

interface Waiter {
  enter(): void;
  fail(error: Error): void;
}

export interface FairQueueOptions {
  /** The number of entries at a time. */
  limit: number;
  /** The most that wait, of all callers and of one. */
  maxWaiting: number;
  maxPerCaller: number;
  /** The error for one more. */
  onFull(): Error;
}

/** Lets a bounded number in at a time. Callers that wait take turns, so that one with many calls does not hold up others. */
export class FairQueue {
  readonly #options: FairQueueOptions;
  readonly #waiting = new Map<string, Waiter[]>();
  #inside = 0;
  #waitingCount = 0;

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  /** The number of those inside and those waiting. */
  get load(): number {
    return this.#inside + this.#waitingCount;
  }

  /** Enters if there is room. Each entry needs one `leave`. */
  tryEnter(): boolean {
    if (this.#inside >= this.#options.limit) return false;
    this.#inside++;
    return true;
  }

  /**
   * Waits for a turn and enters.
   *
   * @param caller those with the same name wait in one line
   * @throws the error for a full queue; AppError `client_closed_request` if the signal aborts first
   */
  enter(caller: string, signal?: EndSignal): Promise<void> {
    if (this.tryEnter()) return Promise.resolve();
    const { maxWaiting, maxPerCaller, onFull } = this.#options;
    const line = this.#waiting.get(caller) ?? [];
    if (this.#waitingCount >= maxWaiting || line.length >= maxPerCaller) return Promise.reject(onFull());
    if (signal?.aborted) return Promise.reject(gone());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => {
      this.#remove(caller, waiter);
      reject(gone());
    };
    const settled = (settle: () => void) => {
      signal?.removeEventListener("abort", onAbort);
      settle();
    };
    const waiter = { enter: () => settled(resolve), fail: (error: Error) => settled(() => reject(error)) };
    signal?.addEventListener("abort", onAbort, { once: true });
    line.push(waiter);
    this.#waiting.set(caller, line);
    this.#waitingCount++;
    return promise;
  }

  /** Gives the place to the next caller in turn. */
  leave(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#inside--;
      return;
    }
    const [caller, line] = next;
    const waiter = line.shift()!;
    this.#waitingCount--;
    // The caller's next call waits behind those of the others.
    this.#waiting.delete(caller);
    if (line.length > 0) this.#waiting.set(caller, line);
    waiter.enter();
  }

  /** Ends the wait of all callers. */
  clear(error: Error): void {
    const lines = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#waitingCount = 0;
    for (const waiter of lines.flat()) waiter.fail(error);
  }

  #remove(caller: string, waiter: Waiter): void {
    const line = this.#waiting.get(caller);
    const at = line?.indexOf(waiter) ?? -1;
    if (!line || at === -1) return;
    line.splice(at, 1);
    this.#waitingCount--;
    if (line.length === 0) this.#waiting.delete(caller);
  }
}

function gone(): AppError {
  return new AppError("client_closed_request", "the caller has gone");
}
