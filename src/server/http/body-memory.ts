import type { BodyBudget, HeldBytes } from "../core/body-budget.ts";

/** The memory of the budget that the body of one request holds. Small bodies hold none. */
export class BodyMemory {
  readonly #budget: BodyBudget;
  readonly #user: string;
  readonly #caller: { readonly signal: AbortSignal };
  #held: HeldBytes | undefined;
  #isKept = false;
  #isOver = false;

  /** @param caller has a signal that aborts when the caller has gone */
  constructor(budget: BodyBudget, user: string, caller: { readonly signal: AbortSignal }) {
    this.#budget = budget;
    this.#user = user;
    this.#caller = caller;
  }

  /** Holds memory for a body of so many bytes. Returns undefined where it need not wait. Throws AppError. */
  hold(bytes: number): Promise<void> | undefined {
    return this.#held || !this.#budget.isLarge(bytes) ? undefined : this.#hold(bytes);
  }

  #hold(bytes: number): Promise<void> | undefined {
    const held = this.#budget.hold(this.#user, bytes, this.#caller.signal);
    if (held instanceof Promise)
      return held.then((later) => {
        this.#held = later;
        // The body did not arrive in time.
        if (this.#isOver) later.release();
      });
    this.#held = held;
    return undefined;
  }

  /** The body has so many bytes: memory for more is given back. */
  isWhole(bytes: number): void {
    this.#held?.shrink(bytes);
  }

  /** True if memory is held. */
  get holds(): boolean {
    return this.#held !== undefined;
  }

  /** Keeps the memory beyond the response, until `release`. */
  keep(): void {
    this.#isKept = true;
  }

  /** The request has its response. */
  answered(): void {
    if (!this.#isKept) this.release();
  }

  release(): void {
    this.#isOver = true;
    this.#held?.release();
  }
}
