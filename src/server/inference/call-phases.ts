/** The time of each phase of a call, in milliseconds. A phase that the call never reached is missing. */
export interface PhaseTimes {
  /** From the request to its turn at the llm: reading, earlier attempts, the queue, waking. */
  before: number;
  /** From sending the request to the head of the provider's response: connecting and the provider's own work. */
  head?: number;
  /** From the head to the end. */
  body?: number;
}

/** Measures the phases of the last attempt of a call. */
export class CallPhases {
  readonly #start = performance.now();
  #sent: number | undefined;
  #head: number | undefined;

  /** Notes that the request is being sent. */
  sent(): void {
    this.#sent = performance.now();
    this.#head = undefined;
  }

  /** The time of sending, by `performance.now()`; undefined before it. */
  get sentAt(): number | undefined {
    return this.#sent;
  }

  /** Notes that the head of the response has arrived. */
  head(): void {
    this.#head = performance.now();
  }

  /** Returns the times up to now. */
  times(): PhaseTimes {
    const now = performance.now();
    const [start, sent, head] = [this.#start, this.#sent, this.#head];
    if (sent === undefined) return { before: Math.round(now - start) };
    const before = Math.round(sent - start);
    if (head === undefined) return { before, head: Math.round(now - sent) };
    return { before, head: Math.round(head - sent), body: Math.round(now - head) };
  }
}
