/** Learns that nobody waits for some work any more. An object costs less than a function that holds it. */
export type EndListener = (() => void) | { handleEvent(): void };

/** The part of an `AbortSignal` by which work learns that nobody waits for it any more. */
export interface EndSignal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: EndListener, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: EndListener): void;
}

/** Calls a listener. */
export function callListener(listener: EndListener): void {
  if (typeof listener === "function") listener();
  else listener.handleEvent();
}

/**
 * Ends work, as an `AbortController` and its signal do. Each call of a model has one, and for each the native ones take
 * microseconds. As a listener of another signal it ends with that one.
 */
export class WorkEnd implements EndSignal {
  aborted = false;
  /** Most have one listener. */
  #first: EndListener | undefined;
  #others: EndListener[] | undefined;

  addEventListener(_type: "abort", listener: EndListener): void {
    if (this.aborted) return;
    if (this.#first === undefined) this.#first = listener;
    else if (this.#others === undefined) this.#others = [listener];
    else this.#others.push(listener);
  }

  removeEventListener(_type: "abort", listener: EndListener): void {
    if (this.#first === listener) this.#first = this.#others?.shift();
    else {
      const at = this.#others?.indexOf(listener) ?? -1;
      if (at >= 0) this.#others!.splice(at, 1);
    }
  }

  /** Calls the listeners, each once. */
  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    const [first, others] = [this.#first, this.#others];
    this.#first = this.#others = undefined;
    if (first) callListener(first);
    for (const listener of others ?? []) callListener(listener);
  }

  handleEvent(): void {
    this.abort();
  }
}

/** Returns a native signal that aborts with the first of several, for functions that take no other. */
export function nativeSignal(...signals: readonly EndSignal[]): AbortSignal {
  const native = signals.map((signal) => {
    if (signal instanceof AbortSignal) return signal;
    const controller = new AbortController();
    if (signal.aborted) controller.abort();
    else signal.addEventListener("abort", () => controller.abort());
    return controller.signal;
  });
  return AbortSignal.any(native);
}
