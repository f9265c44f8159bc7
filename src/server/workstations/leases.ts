import { leaseMs } from "../../wire/link/constants.ts";

/** Milliseconds after which the rows of an agent that sends nothing are deleted. */
const keptMs = 4 * 60 * 60 * 1000;

/** If two checks are this many milliseconds apart, the machine slept and could not hear its agents. */
const sleptMs = 5 * 60 * 1000;

/**
 * The leases of agents. They count on a monotonic clock. No lease ends in the first 90 s after the server has started
 * or its machine has woken: agents need that time to come back.
 */
export class Leases {
  readonly #elapsed: () => number;
  #since: number;
  #lastCheck: number;

  /** @param elapsed milliseconds on a monotonic clock */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
    this.#since = elapsed();
    this.#lastCheck = this.#since;
  }

  /** Notes a check of the leases. Must be called every few seconds. */
  checked(): void {
    const at = this.#elapsed();
    if (at - this.#lastCheck > sleptMs) this.#since = at;
    this.#lastCheck = at;
  }

  /** True while agents are given time to come back. */
  get isWaiting(): boolean {
    return this.#elapsed() - this.#since <= leaseMs;
  }

  /** Returns true if a lease that was last renewed at this time is over. */
  isOver(heardAt: number): boolean {
    return this.#elapsed() - Math.max(heardAt, this.#since) > leaseMs;
  }

  /** Returns true if the rows of an agent that was last heard from at this time are to be deleted. */
  isForgotten(heardAt: number): boolean {
    return !this.isWaiting && this.#elapsed() - heardAt > keptMs;
  }
}
