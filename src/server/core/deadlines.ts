import { Bag } from "../../bag.ts";

/** A time limit that can be extended. */
export interface Deadline {
  /** Sets the limit to so many milliseconds from now. */
  extend(milliseconds: number): void;
  cancel(): void;
}

/** Is told that a time limit is over. An object costs less than a function that holds it. */
export type Expirable = (() => void) | { expire(): void };

/**
 * Many deadlines on one timer, precise to a quarter of a second. To extend one costs a write to memory; with a timer
 * of its own for each deadline it would cost a new timer for every chunk of every stream.
 */
export class Deadlines {
  readonly #entries = new Bag<Entry>();
  readonly #now: () => number;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param now a monotonic clock, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Calls `expire` once so many milliseconds are over, unless the deadline is extended or cancelled. */
  after(milliseconds: number, expire: Expirable): Deadline {
    const entry = new Entry(this.#now() + milliseconds, expire, this.#entries, this.#now);
    this.#entries.add(entry);
    this.#timer ??= setInterval(() => this.#tick(), 250);
    return entry;
  }

  #tick(): void {
    const now = this.#now();
    for (const entry of this.#entries) {
      if (entry.at > now) continue;
      entry.cancel();
      if (typeof entry.owner === "function") entry.owner();
      else entry.owner.expire();
    }
    if (this.#entries.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

class Entry implements Deadline {
  at: number;
  readonly owner: Expirable;
  readonly #entries: Bag<Entry>;
  readonly #now: () => number;

  constructor(at: number, owner: Expirable, entries: Bag<Entry>, now: () => number) {
    this.at = at;
    this.owner = owner;
    this.#entries = entries;
    this.#now = now;
  }

  extend(milliseconds: number): void {
    this.at = this.#now() + milliseconds;
  }

  cancel(): void {
    this.#entries.delete(this);
  }
}
