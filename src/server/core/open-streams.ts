import type { Principal } from "./access/policy.ts";
import { stillThere } from "./access/principals.ts";
import type { Catalogue } from "./catalogue/catalogue.ts";

interface OpenStream {
  principal: Principal;
  end: () => void;
  endless: boolean;
}

/**
 * Answers that are still being sent. A stream ends within 5 s of its bearer: at once when the row goes, at the
 * next look when it expires (T56).
 */
export class OpenStreams {
  readonly #streams = new Set<OpenStream>();
  readonly #catalogue: Catalogue;
  readonly #now: () => number;
  readonly #stop: () => void;

  constructor(catalogue: Catalogue, now: () => number) {
    this.#catalogue = catalogue;
    this.#now = now;
    const timer = setInterval(() => this.#check(), 2000);
    timer.unref();
    const unsubscribe = catalogue.subscribe(() => this.#check());
    this.#stop = () => {
      clearInterval(timer);
      unsubscribe();
    };
  }

  get size(): number {
    return this.#streams.size;
  }

  /**
   * Watches over a stream until the returned function is called.
   *
   * @param end must end it
   * @param endless it would never end by itself, as a watch: a server that stops does not wait for it
   */
  add(principal: Principal, end: () => void, endless = false): () => void {
    const stream = { principal, end, endless };
    this.#streams.add(stream);
    return () => this.#streams.delete(stream);
  }

  /** Ends those that would never end by themselves. */
  closeEndless(): void {
    for (const stream of this.#streams) if (stream.endless) stream.end();
  }

  /** Ends all that are still open. */
  close(): void {
    this.#stop();
    for (const stream of this.#streams) stream.end();
  }

  #check(): void {
    const { snapshot } = this.#catalogue;
    for (const stream of this.#streams)
      if (!stillThere(snapshot, stream.principal, this.#now())) stream.end();
  }
}
