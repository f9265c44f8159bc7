import type { Component } from "../core/lifecycle.ts";

/** Milliseconds between two looks at the memory. */
const interval = 500;
/** Bytes that the process may have more than after the last collection. A collection takes the longer, the more it frees. */
const slack = 128 * 1024 * 1024;
/** A collection may take this share of the time until the next one, so that a large heap is not collected all the time. */
const largestShare = 0.02;

/** The process, as far as its memory matters. */
export interface Memory {
  /** Resident bytes. */
  resident(): number;
  /** Collects what is not used any more, and returns when it is done. */
  collect(): void;
  /** Milliseconds of a monotonic clock. */
  now(): number;
}

/**
 * Collects memory when the process has grown by much. The engine counts what its own objects take, and does not see most
 * bytes of bodies that have gone through: without this they stay until it collects for another reason (T228).
 */
export class MemoryReturn {
  readonly #memory: Memory;
  /** Resident bytes after the last collection. */
  #before: number;
  #notBefore = 0;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#before = memory.resident();
  }

  look(): void {
    const { resident, collect, now } = this.#memory;
    const bytes = resident();
    if (bytes < this.#before) this.#before = bytes;
    const began = now();
    if (bytes < this.#before + slack || began < this.#notBefore) return;
    collect();
    const ended = now();
    this.#notBefore = ended + (ended - began) / largestShare;
    this.#before = resident();
  }
}

/** Looks at the memory twice a second. */
export function memoryReturnComponent(): Component<Timer> {
  return {
    name: "memory",
    start() {
      const memory = new MemoryReturn({
        resident: () => process.memoryUsage.rss(),
        collect: () => Bun.gc(true),
        now: () => performance.now(),
      });
      const timer = setInterval(() => memory.look(), interval);
      timer.unref();
      return timer;
    },
    close: (timer) => clearInterval(timer),
  };
}
