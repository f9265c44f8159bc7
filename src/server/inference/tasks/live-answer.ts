/** The end of a streamed answer, for its followers. `again`: the task waits, and its next call begins from the start. */
export type LiveEnd = "ended" | "again";

/** The answer of a task that this server runs, as far as it has come, for followers who join at any moment. */
export class LiveAnswer {
  readonly #pieces: string[] = [];
  #next = Promise.withResolvers<void>();
  #end: LiveEnd | undefined;

  /** Undefined while more may come. */
  get end(): LiveEnd | undefined {
    return this.#end;
  }

  get text(): string {
    return this.#pieces.join("");
  }

  add(piece: string): void {
    this.#pieces.push(piece);
    this.#wake();
  }

  /** Ends it. The second time nothing happens. */
  close(end: LiveEnd): void {
    this.#end ??= end;
    this.#wake();
  }

  /** Yields the pieces that are there and then those that come, until the end or until the follower leaves. */
  async *pieces(signal: AbortSignal): AsyncGenerator<string, void> {
    const left = Promise.withResolvers<void>();
    const leave = () => left.resolve();
    signal.addEventListener("abort", leave);
    try {
      for (let at = 0; !signal.aborted; ) {
        while (at < this.#pieces.length && !signal.aborted) yield this.#pieces[at++]!;
        if (at < this.#pieces.length) continue;
        if (this.#end) return;
        await Promise.race([this.#next.promise, left.promise]);
      }
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  #wake(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }
}
