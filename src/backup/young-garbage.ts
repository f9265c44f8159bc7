import { edenGC } from "bun:jsc";

/** Bytes of rows after which their garbage is collected. */
const collectAfter = 2 * 1024 * 1024;

/**
 * Keeps the garbage of a long run over many rows small. The engine waits with a collection until the heap has about
 * doubled, and a backup would fill that room. Here only recent objects are collected, which takes few milliseconds.
 * Whatever is in use at that moment stays until all objects are collected, so the run fills its large buffers again and
 * again.
 */
export class YoungGarbage {
  #bytes = 0;

  /** Counts bytes of rows that nobody needs any more. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < collectAfter) return;
    this.#bytes = 0;
    edenGC();
  }
}
