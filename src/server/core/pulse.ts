import type { Component } from "./lifecycle.ts";

/** Milliseconds between two beats while the thread works. */
const shortest = 10;
/** Milliseconds between two beats while it rests. To wake up costs a resting processor more than what is done then. */
const longest = 80;
/** A thread that has used this share of the time since the last beat works. */
const workingShare = 0.2;

/** One beat. Seconds. */
export interface Beat {
  /** The time by which the beat is late. */
  delay: number;
  /** The most processor time of this thread in that delay. */
  busy: number;
}

interface Look {
  every: number;
  due: number;
  run(beat: Beat): void;
}

/**
 * The one timer of everything that has to look at this process often. It beats every 10 ms while the thread works, and
 * after some beats without work every 80 ms.
 */
export class Pulse {
  readonly #looks = new Set<Look>();
  readonly #beat: Beat = { delay: 0, busy: 0 };
  #timer: ReturnType<typeof setInterval> | undefined;
  #interval = shortest;
  #last = performance.now();
  #used = processorSeconds();

  constructor() {
    this.#start(shortest);
  }

  /**
   * Calls a function at the first beat that comes so many milliseconds or more after its last call.
   *
   * @param run must not throw, and must not keep the beat, which is used again
   * @returns a function that ends the calls
   */
  every(milliseconds: number, run: (beat: Beat) => void): () => void {
    const look = { every: milliseconds, due: performance.now() + milliseconds, run };
    this.#looks.add(look);
    return () => void this.#looks.delete(look);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#looks.clear();
  }

  #start(interval: number): void {
    clearInterval(this.#timer);
    this.#interval = interval;
    this.#timer = setInterval(() => this.#run(), interval);
    this.#timer.unref();
  }

  #run(): void {
    const now = performance.now();
    const used = processorSeconds();
    const passed = (now - this.#last) / 1000;
    const worked = used - this.#used;
    this.#beat.delay = Math.max(0, passed - this.#interval / 1000);
    this.#beat.busy = Math.min(this.#beat.delay, worked);
    this.#last = now;
    this.#used = used;
    for (const look of this.#looks) {
      // A timer may come a little early.
      if (now < look.due - 1) continue;
      look.due = now + look.every;
      look.run(this.#beat);
    }
    const next = worked > workingShare * passed ? shortest : Math.min(longest, 2 * this.#interval);
    if (next !== this.#interval) this.#start(next);
  }
}

/** The pulse of this thread. Keeps no process alive. */
export function pulseComponent(): Component<Pulse> {
  return {
    name: "pulse",
    start: () => new Pulse(),
    close: (pulse) => pulse.close(),
  };
}

/** Returns the processor time that this thread has used. */
function processorSeconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e6;
}
