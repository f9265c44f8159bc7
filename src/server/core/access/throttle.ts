const limit = 5;
const window = 60_000;
const most = 10_000;

/**
 * Counts failures by key (a user's name, an address): five in a minute and the key has to wait. An attempt
 * counts before it is known to fail, so that many at once do not slip through. Memory is bounded; the key that
 * was quiet longest is forgotten first.
 */
export class Throttle {
  readonly #attempts = new Map<string, number[]>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Counts an attempt. Returns the seconds to wait when there have been too many; then nothing is counted. */
  attempt(...keys: string[]): number {
    const wait = this.wait(...keys);
    if (wait > 0) return wait;
    for (const key of keys) {
      const recent = this.#recent(key);
      this.#attempts.delete(key);
      this.#attempts.set(key, [...recent, this.#now()]);
    }
    while (this.#attempts.size > most) this.#attempts.delete(this.#attempts.keys().next().value!);
    return 0;
  }

  /** Returns the seconds to wait before the next attempt; 0 when it may be made at once. */
  wait(...keys: string[]): number {
    return Math.max(0, ...keys.map((key) => this.#wait(key)));
  }

  /** The last attempt did not fail. */
  forgive(...keys: string[]): void {
    for (const key of keys) this.#attempts.get(key)?.pop();
  }

  #recent(key: string): number[] {
    return (this.#attempts.get(key) ?? []).filter((at) => at > this.#now() - window);
  }

  #wait(key: string): number {
    const recent = this.#recent(key);
    return recent.length < limit ? 0 : Math.ceil((recent[0]! + window - this.#now()) / 1000);
  }
}
