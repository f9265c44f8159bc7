import { leaseMs } from "../../wire/link/constants.ts";

/** How long what an agent has published stays after it was last heard of, in milliseconds. */
export const keptMs = 4 * 60 * 60 * 1000;

/** Looks that are so far apart are not late: the machine slept, and its agents could not be heard. Milliseconds. */
const sleptMs = 5 * 60 * 1000;

/**
 * Who has not been heard of for too long. Only the clock that nobody sets counts, and nobody is late in the first 90 s
 * after the server started or woke: its agents have to come back first.
 */
export class Leases {
  readonly #elapsed: () => number;
  #since: number;
  #lastLook: number;

  /** @param elapsed milliseconds, by a clock that nobody sets */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
    this.#since = elapsed();
    this.#lastLook = this.#since;
  }

  /** To be called with each look, every few seconds. */
  looked(): void {
    const at = this.#elapsed();
    if (at - this.#lastLook > sleptMs) this.#since = at;
    this.#lastLook = at;
  }

  /** Whether agents are still given time to come back. */
  get isWaiting(): boolean {
    return this.#elapsed() - this.#since <= leaseMs;
  }

  /** Whether a lease that was last renewed then is over. */
  isOver(heardAt: number): boolean {
    return this.#elapsed() - Math.max(heardAt, this.#since) > leaseMs;
  }

  /** Whether nobody need be expected any more who was last heard of then. */
  isForgotten(heardAt: number): boolean {
    return !this.isWaiting && this.#elapsed() - heardAt > keptMs;
  }
}
