import { Bag } from "../../bag.ts";
import type { Principal } from "./access/policy.ts";
import { isStillValid } from "./access/principals.ts";
import type { Catalogue } from "./catalogue/catalogue.ts";

/** One response that is being sent. */
export interface OpenStream {
  /** The bearer. */
  readonly principal: Principal;
  /** True for a stream that does not end by itself, such as a watch: a server that stops ends it at once. */
  readonly endless?: boolean;
  /** Ends the stream: its bearer is no longer valid, or the server stops. */
  revoke(): void;
}

/**
 * The responses that are being sent. A stream ends within 5 s of the end of its bearer: at once when the bearer is
 * deleted, at the next check when it expires (T56).
 */
export class OpenStreams {
  readonly #streams = new Bag<OpenStream>();
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

  /** Returns the number of streams of a user that do not end by themselves. */
  endlessOf(userId: string): number {
    let count = 0;
    for (const { principal, endless } of this.#streams) if (endless && principal.userId === userId) count++;
    return count;
  }

  /**
   * Adds a stream. The returned function removes it.
   *
   * @param end ends the stream
   * @param endless true for a stream that does not end by itself, such as a watch: a server that stops ends it at once
   */
  add(principal: Principal, end: () => void, endless = false): () => void {
    const stream = { principal, revoke: end, endless };
    this.watch(stream);
    return () => this.unwatch(stream);
  }

  /** Adds a stream, until `unwatch`. It costs less than a function that removes it. */
  watch(stream: OpenStream): void {
    this.#streams.add(stream);
  }

  unwatch(stream: OpenStream): void {
    this.#streams.delete(stream);
  }

  /** Ends the streams that do not end by themselves. */
  closeEndless(): void {
    for (const stream of this.#streams) if (stream.endless) stream.revoke();
  }

  /** Ends all streams. */
  close(): void {
    this.#stop();
    for (const stream of this.#streams) stream.revoke();
  }

  #check(): void {
    const { snapshot } = this.#catalogue;
    for (const stream of this.#streams)
      if (!isStillValid(snapshot, stream.principal, this.#now())) stream.revoke();
  }
}
