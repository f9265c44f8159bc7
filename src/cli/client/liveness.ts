/** Times of a wait for a server, in milliseconds. */
export interface LivenessTimes {
  /** Silence after which the server is asked for the first time. */
  first: number;
  /** Silence between two questions. */
  next: number;
}

const usualTimes: LivenessTimes = { first: 10_000, next: 30_000 };

/**
 * Ends a wait that may take long, for an answer or for the next bytes of a stream, when the server has vanished. After
 * some silence it asks if the server still responds; the wait ends when it does not respond twice in a row.
 */
export class Liveness {
  readonly #abort = new AbortController();
  readonly #ask: () => Promise<unknown>;
  readonly #times: LivenessTimes;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /** @param ask asks the server anything; it throws if there is no response within a limit */
  constructor(ask: () => Promise<unknown>, times: LivenessTimes = usualTimes) {
    this.#ask = ask;
    this.#times = times;
    this.#wait(times.first);
  }

  /** Fires with a `TimeoutError` when the server has vanished. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Something has arrived. */
  heard(): void {
    this.#wait(this.#times.next);
  }

  /** The wait is over. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #wait(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (!this.#isOver) this.#timer = setTimeout(() => void this.#check(1), milliseconds).unref();
  }

  async #check(attempt: number): Promise<void> {
    const timer = this.#timer;
    const responds = await this.#ask().then(
      () => true,
      () => false,
    );
    // Meanwhile something has arrived, or the wait is over.
    if (timer !== this.#timer || this.#isOver) return;
    if (responds) this.heard();
    else if (attempt === 1) await this.#check(2);
    else this.#abort.abort(new DOMException("the server does not respond", "TimeoutError"));
  }
}
