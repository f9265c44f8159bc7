/** Attempts of one key in one window, where no other number is given. */
const usualLimit = 5;
/** Milliseconds. */
const window = 60_000;
/** Keys that are remembered, at most. */
const maxKeys = 10_000;

/**
 * Limits failed attempts by key (a user's name, an address): after five in a minute, or another number, the key has to
 * wait. An attempt counts before its result is known, so that many attempts at once do not get around the limit. Memory
 * is bounded: the key without attempts for the longest time is forgotten first.
 */
export class Throttle {
  readonly #attempts = new Map<string, number[]>();
  readonly #elapsed: () => number;
  readonly #limit: number;

  /**
   * @param elapsed a monotonic clock, in milliseconds (T91)
   * @param limit attempts of one key in a minute
   */
  constructor(elapsed: () => number, limit = usualLimit) {
    this.#elapsed = elapsed;
    this.#limit = limit;
  }

  /** Counts an attempt of each key. Returns 0; or, where there were too many, the seconds to wait, and counts nothing. */
  attempt(...keys: string[]): number {
    const wait = this.wait(...keys);
    if (wait > 0) return wait;
    for (const key of keys) {
      const recent = this.#recent(key);
      this.#attempts.delete(key);
      this.#attempts.set(key, [...recent, this.#elapsed()]);
    }
    while (this.#attempts.size > maxKeys) this.#attempts.delete(this.#attempts.keys().next().value!);
    return 0;
  }

  /** Returns the seconds to wait before the next attempt; 0 if it may be made at once. */
  wait(...keys: string[]): number {
    return Math.max(0, ...keys.map((key) => this.#wait(key)));
  }

  /** Takes the last attempt of each key back, because it did not fail. */
  forgive(...keys: string[]): void {
    for (const key of keys) this.#attempts.get(key)?.pop();
  }

  #recent(key: string): number[] {
    return (this.#attempts.get(key) ?? []).filter((at) => at > this.#elapsed() - window);
  }

  #wait(key: string): number {
    const recent = this.#recent(key);
    return recent.length < this.#limit ? 0 : Math.ceil((recent[0]! + window - this.#elapsed()) / 1000);
  }
}
