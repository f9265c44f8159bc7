import type { Pulse } from "../core/pulse.ts";

/** Milliseconds between two looks at the memory while the thread works. */
const interval = 50;
/** Bytes that the process may have more than after the last collection. A collection takes the longer, the more it frees. */
const slack = 64 * 1024 * 1024;
/** Bytes more that may stay for a while, and milliseconds of that while. */
const remainder = 16 * 1024 * 1024;
const longestRemainder = 10_000;
/** A collection may take this share of the time until the next one, so that a large heap is not collected all the time. */
const largestShare = 0.02;
/** The same where it has freed most of what the process had grown by: without the next one soon there would be more to free. */
const usefulShare = 0.2;

/** The process, as far as its memory matters. */
export interface Memory {
  /** Resident bytes. */
  resident(): number;
  /** Collects what is not used any more, and returns when it is done. */
  collect(): void;
  /** Begins to collect what is not used any more, beside everything else. */
  beginCollection(): void;
  /** Milliseconds of a monotonic clock. */
  now(): number;
}

/**
 * Collects memory when the process has grown by much. The engine counts what its own objects take, and does not see most
 * bytes of bodies that have gone through: without this they stay until it collects for another reason (T228). To give
 * bytes back takes 0.1 ms for each megabyte in one turn of the event loop: it is done often, and so each time for few. What
 * stays after that, and what grows slowly, is collected beside the calls: in one turn it takes 20 ms and more.
 */
export class MemoryReturn {
  readonly #memory: Memory;
  /** Resident bytes after the last collection. */
  #before: number;
  #notBefore = 0;
  /** The time at which the last collection ended. */
  #collectedAt = 0;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#before = memory.resident();
    this.#collectedAt = memory.now();
  }

  look(): void {
    const { resident, collect, beginCollection, now } = this.#memory;
    const bytes = resident();
    if (bytes < this.#before) this.#before = bytes;
    const growth = bytes - this.#before;
    if (growth < remainder) return;
    const began = now();
    if (growth < slack) {
      if (began < this.#collectedAt + longestRemainder) return;
      beginCollection();
      this.#before = bytes;
      this.#collectedAt = began;
      return;
    }
    if (began < this.#notBefore) return;
    collect();
    const ended = now();
    this.#before = resident();
    this.#collectedAt = ended;
    const share = bytes - this.#before > growth / 2 ? usefulShare : largestShare;
    this.#notBefore = ended + (ended - began) / share;
  }
}

/** Looks at the memory of this process from now on. */
export function returnMemory(pulse: Pulse): void {
  const memory = new MemoryReturn({
    resident: () => process.memoryUsage.rss(),
    collect: () => Bun.gc(true),
    beginCollection: () => Bun.gc(false),
    now: () => performance.now(),
  });
  pulse.every(interval, () => memory.look());
}
