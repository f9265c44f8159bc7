/** So many failures in a row put an llm out. */
const failuresToGoOut = 3;

/** How long it is out, in milliseconds, where the provider does not say when to come back. */
const usualMilliseconds = 30_000;

/** Longer than this nobody is out without being looked at again, whatever the provider says. */
const longestMilliseconds = 300_000;

interface Failing {
  /** In a row. */
  failures: number;
  /** By the clock; of meaning once there are enough failures. */
  outUntil: number;
  /** The call that tries whether it is well again. */
  probe: string | undefined;
}

/**
 * Which llms fail and are better left alone for a while. After three failures in a row, or one in which nobody
 * answered the door, an llm is out for 30 s, or as long as its provider asks for. Then it is half-open: one call is let through as a probe, and the others go
 * elsewhere until the probe has succeeded.
 */
export class CoolDown {
  /** By llm id. Those that are well are not in it. */
  readonly #failing = new Map<string, Failing>();
  readonly #elapsed: () => number;

  /** @param elapsed milliseconds; never goes back */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  /** Whether other llms are to be called before this one. */
  isOut(llm: string): boolean {
    const state = this.#failing.get(llm);
    return state !== undefined && state.failures >= failuresToGoOut;
  }

  /** Makes a call the probe of an llm that is half-open and has none. Returns whether it is. */
  claimProbe(llm: string, requestId: string): boolean {
    const state = this.#failing.get(llm);
    if (!state || state.failures < failuresToGoOut) return false;
    if (state.probe !== undefined || this.#elapsed() < state.outUntil) return false;
    state.probe = requestId;
    return true;
  }

  /**
   * @param retryAfter seconds, where the provider told them
   * @param cannotConnect one such failure is enough
   */
  failed(llm: string, retryAfter?: number, cannotConnect = false): void {
    const state = this.#failing.get(llm) ?? { failures: 0, outUntil: 0, probe: undefined };
    state.failures = cannotConnect ? Math.max(state.failures + 1, failuresToGoOut) : state.failures + 1;
    state.probe = undefined;
    const wanted = retryAfter ? retryAfter * 1000 : usualMilliseconds;
    state.outUntil = this.#elapsed() + Math.min(wanted, longestMilliseconds);
    this.#failing.set(llm, state);
  }

  succeeded(llm: string): void {
    if (this.#failing.size > 0) this.#failing.delete(llm);
  }

  /** A call is over that says nothing of its provider. Was it the probe, another call may be. */
  undecided(llm: string, requestId: string): void {
    const state = this.#failing.get(llm);
    if (state?.probe === requestId) state.probe = undefined;
  }

  /** An llm was changed or is gone: what is known of it is of the past. */
  forget(llm: string): void {
    this.#failing.delete(llm);
  }
}
