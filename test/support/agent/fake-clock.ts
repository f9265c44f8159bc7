import type { Time } from "../../../src/time.ts";
import { pauses } from "../pauses.ts";

/** A clock that stands still until a test moves it on. */
export class FakeClock implements Time {
  /** The number that `random` returns. */
  chance = 0.5;
  #now = 0;
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

  /** Milliseconds to each timer, the next first. */
  get waits(): number[] {
    return this.#timers.map(({ at }) => at - this.#now).sort((a, b) => a - b);
  }

  /** Moves on at once; each timer that is due acts in its turn. */
  move(milliseconds: number): void {
    const end = this.#now + milliseconds;
    while (this.#actNext(end));
    this.#now = end;
  }

  /** Moves on like `move`, and lets happen what each timer sets off. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    while (this.#actNext(end)) await turn();
    this.#now = end;
    await turn();
  }

  /** Moves on in steps until a condition holds, with real time in between for data on sockets. */
  async until(holds: () => unknown, step = 100): Promise<void> {
    const end = performance.now() + 60_000;
    while (!holds()) {
      if (performance.now() > end) throw new Error(`it never held: ${holds}`);
      await this.advance(step);
      // Without a pause the clock would run ahead of the sockets, and time limits would be over too early.
      if (!holds()) await new Promise((resolve) => setTimeout(resolve, step > 100 ? 8 : 3));
    }
  }

  /** Lets the next timer act that is due by then. Returns false when there is none. */
  #actNext(end: number): boolean {
    const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
    if (!next) return false;
    this.#timers = this.#timers.filter((one) => one !== next);
    this.#now = Math.max(this.#now, next.at);
    next.act();
    return true;
  }
}

/** Lets the event loop turn once. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Returns soon after a condition holds. Fails after a minute, with the condition. */
export async function eventually(holds: () => unknown, what = String(holds)): Promise<void> {
  const end = performance.now() + 60_000;
  const pause = pauses();
  for (let turns = 0; !holds(); turns++) {
    if (performance.now() > end) throw new Error(`it never held: ${what}`);
    // What happens in this process has happened after a few turns. Others need the processor that further ones would take.
    await (turns < 20 ? turn() : pause());
  }
}
