/** The failures in a row after which the cool-down of an llm begins. */
const failureThreshold = 3;

/** The length of a cool-down if the provider sends no `retry-after`. Milliseconds. */
const defaultMilliseconds = 30_000;

/** The longest cool-down, whatever the provider sends. Milliseconds. */
const maxMilliseconds = 300_000;

interface Failing {
  /** In a row. */
  failures: number;
  /** The end of the cool-down, on the monotonic clock. Has no meaning below the threshold. */
  until: number;
  /** The id of the request that probes the llm after the cool-down. */
  probe: string | undefined;
}

/**
 * Remembers the llms that fail. After three failures in a row, or one refused connection, an llm is in its cool-down
 * for 30 s, or for the `retry-after` of its provider. Then it is half-open: one call goes to it as a probe, and other
 * calls prefer other llms until the probe has succeeded.
 */
export class CoolDown {
  /** By llm id. An llm whose last call succeeded is not in it. */
  readonly #failing = new Map<string, Failing>();
  readonly #elapsed: () => number;

  /** @param elapsed the monotonic clock, in milliseconds */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  /** True if other llms come before this one. */
  isCoolingDown(llm: string): boolean {
    const state = this.#failing.get(llm);
    return state !== undefined && state.failures >= failureThreshold;
  }

  /** Makes a call the probe of an llm, if the llm is half-open and has no probe. Returns true if it did. */
  claimProbe(llm: string, requestId: string): boolean {
    const state = this.#failing.get(llm);
    if (!state || state.failures < failureThreshold) return false;
    if (state.probe !== undefined || this.#elapsed() < state.until) return false;
    state.probe = requestId;
    return true;
  }

  /**
   * @param retryAfter seconds, if the provider sent them
   * @param cannotConnect the connection was refused: the cool-down begins with this failure
   */
  failed(llm: string, retryAfter?: number, cannotConnect = false): void {
    const state = this.#failing.get(llm) ?? { failures: 0, until: 0, probe: undefined };
    state.failures = cannotConnect ? Math.max(state.failures + 1, failureThreshold) : state.failures + 1;
    state.probe = undefined;
    const milliseconds = retryAfter ? retryAfter * 1000 : defaultMilliseconds;
    state.until = this.#elapsed() + Math.min(milliseconds, maxMilliseconds);
    this.#failing.set(llm, state);
  }

  succeeded(llm: string): void {
    if (this.#failing.size > 0) this.#failing.delete(llm);
  }

  /** Ends a call that shows nothing about the provider. If it was the probe, another call can be the next probe. */
  undecided(llm: string, requestId: string): void {
    const state = this.#failing.get(llm);
    if (state?.probe === requestId) state.probe = undefined;
  }

  /** Forgets the failures of an llm that was changed or deleted. */
  forget(llm: string): void {
    this.#failing.delete(llm);
  }
}
