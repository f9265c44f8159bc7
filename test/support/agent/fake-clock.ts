import type { Time } from "../../../src/time.ts";

/** Time that stands still until it is moved on. */
export class HandTime implements Time {
  chance = 0.5;
  #now = 1000;
  #timers: { at: number; act: () => void }[] = [];

  elapsed(): number {
    return this.#now;
  }

  random(): number {
    return this.chance;
  }

  after(milliseconds: number, act: () => void): () => void {
    const timer = { at: this.#now + milliseconds, act };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  /** How many milliseconds it is to each timer, the next first. */
  get waits(): number[] {
    return this.#timers.map(({ at }) => at - this.#now).sort((a, b) => a - b);
  }

  /** Moves on, and lets each timer act in its turn; what they set off has a chance to happen in between. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    while (true) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.#now = Math.max(this.#now, next.at);
      next.act();
      await turn();
    }
    this.#now = end;
    await turn();
  }

  /** Moves on step by step until something holds, with time between for what comes over sockets. */
  async until(holds: () => unknown, step = 100): Promise<void> {
    const end = performance.now() + 20_000;
    while (!holds()) {
      if (performance.now() > end) throw new Error(`it never came to pass: ${holds}`);
      await this.advance(step);
      // As fast as time goes by hand, what really takes time would come too late.
      if (!holds()) await new Promise((resolve) => setTimeout(resolve, 3));
    }
  }
}

/** Lets what is due happen. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Returns as soon as something holds; fails after 5 s with what it was. */
export async function eventually(holds: () => unknown, what = String(holds)): Promise<void> {
  const end = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`it never came to pass: ${what}`);
    await turn();
  }
}
