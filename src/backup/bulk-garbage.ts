import { edenGC } from "bun:jsc";

/** Bytes after which the recent garbage is collected. */
const recentAfter = 512 * 1024;
/** Collections of recent garbage after which all of it is collected. */
const allAfter = 32;
/** Milliseconds that a reader waits for a collection at most: on a machine that is starved, one takes seconds. */
const longestWait = 1000;
/** All garbage is collected for at most this share of the time: it takes the longer, the more the process has in use. */
const largestShare = 0.05;

/**
 * Keeps the garbage of a long run over many bytes small. The engine waits with a collection until the heap has about
 * doubled, and a backup would fill that room. Here recent objects are collected often, which takes about a millisecond.
 * Whatever is in use at that moment becomes old, and stays until all objects are collected.
 */
export class BulkGarbage {
  #bytes = 0;
  #collections = 0;
  #notBefore = 0;

  /**
   * Waits until all garbage may be collected, if that is due. For bytes that come faster than they can be collected, such
   * as an upload from the same machine.
   */
  async room(): Promise<void> {
    const wait = this.#notBefore - performance.now();
    if (this.#collections < allAfter - 1 || wait <= 0) return;
    await Bun.sleep(Math.min(wait, longestWait));
    this.#notBefore = 0;
  }

  /** Counts bytes that nobody needs any more. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < recentAfter) return;
    this.#bytes = 0;
    this.#collections++;
    const began = performance.now();
    if (this.#collections < allAfter || began < this.#notBefore) {
      edenGC();
      return;
    }
    Bun.gc(true);
    this.#collections = 0;
    const ended = performance.now();
    this.#notBefore = ended + (ended - began) / largestShare;
  }
}
