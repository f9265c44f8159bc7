/** A limit that can be moved. */
export interface Deadline {
  /** Counts anew from now. Milliseconds. */
  extend(milliseconds: number): void;
  cancel(): void;
}

/**
 * Many deadlines on one timer: moving one is a store to memory, which a timer of its own for each chunk of a
 * thousand streams is not. They are met to a quarter of a second.
 */
export class Deadlines {
  readonly #entries = new Set<Entry>();
  readonly #now: () => number;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `now` must never go back: `performance.now`. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  after(milliseconds: number, expire: () => void): Deadline {
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
      entry.expire();
    }
    if (this.#entries.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

class Entry implements Deadline {
  at: number;
  readonly expire: () => void;
  readonly #entries: Set<Entry>;
  readonly #now: () => number;

  constructor(at: number, expire: () => void, entries: Set<Entry>, now: () => number) {
    this.at = at;
    this.expire = expire;
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
