import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { StoreError, type Write } from "../core/store/types.ts";

/** How often a write is tried again that lost against another one. */
const attempts = 5;

/** Refusals after which the same plan, made anew, may pass. */
const passing: ReadonlySet<string> = new Set(["taken", "stale", "referenced", "dangling"]);

/** Writes to what agents publish, one after the other: what is decided on a snapshot holds until it is written. */
export class RowWrites {
  readonly #catalogue: Catalogue;
  #last: Promise<unknown> = Promise.resolve();

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  /** Does some work when all that was begun before is done. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /**
   * Writes a plan, which is made again where somebody else's write came first. Throws StoreError, and what making the
   * plan throws.
   */
  async commit(plan: () => readonly Write[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const writes = plan();
      if (writes.length === 0) return;
      try {
        await this.#catalogue.commit(writes);
        return;
      } catch (error) {
        if (!(error instanceof StoreError) || !passing.has(error.refusal) || attempt === attempts)
          throw error;
        await this.#catalogue.refresh();
      }
    }
  }

  /** Returns when all that was begun is done. */
  async settled(): Promise<void> {
    await this.#last;
  }
}
