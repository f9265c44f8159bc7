/** Time and chance, as an agent needs them. */
export interface Time {
  /** Milliseconds; never goes back, whatever the wall clock does. */
  elapsed(): number;
  /** From 0 to just below 1. */
  random(): number;
  /** Calls back once, after so many milliseconds. Returns how to prevent it. */
  after(milliseconds: number, act: () => void): () => void;
}

/** The machine's own. */
export const systemTime: Time = {
  elapsed: () => performance.now(),
  random: Math.random,
  after(milliseconds, act) {
    const timer = setTimeout(act, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** Returns when so many milliseconds are over, or as soon as the signal aborts. Never fails. */
export function pause(time: Time, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((over) => {
    if (signal.aborted) return over();
    const finish = () => {
      stop();
      signal.removeEventListener("abort", finish);
      over();
    };
    const stop = time.after(milliseconds, finish);
    signal.addEventListener("abort", finish, { once: true });
  });
}

/**
 * Milliseconds to wait before the next try: full jitter over a span that doubles from 0.5 s to 30 s.
 *
 * @param failures tries that failed before this one
 * @param random from 0 to just below 1
 */
export function backoffDelay(failures: number, random: number): number {
  return random * Math.min(30_000, 500 * 2 ** failures);
}

/** The delays of `backoffDelay`, one after the other. */
export class Backoff {
  readonly #random: () => number;
  #failures = 0;

  /** @param random from 0 to just below 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds from the failure to the next try; each failure doubles the span that they are drawn from. */
  next(): number {
    return backoffDelay(this.#failures++, this.#random());
  }

  /** It went well for long enough. */
  reset(): void {
    this.#failures = 0;
  }
}
