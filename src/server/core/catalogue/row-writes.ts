import { nextTurn, TurnShare } from "../../../wire/next-turn.ts";
import { StoreError, type Write } from "../store/types.ts";
import type { Catalogue } from "./catalogue.ts";

/** The number of times that a write is tried if another write came first. */
const attempts = 5;

/** Refusals after which a new plan may succeed. */
const retryable: ReadonlySet<string> = new Set(["taken", "stale", "referenced", "dangling"]);

/**
 * Writes of rows that the server makes by itself, one after the other, so that a plan made from a snapshot is still right when
 * it is written.
 */
export class RowWrites {
  readonly #catalogue: Catalogue;
  readonly #share = new TurnShare(8);
  #last: Promise<unknown> = Promise.resolve();

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  /**
   * Runs some work when all earlier work is done. SQLite answers in the same turn of the event loop, so that much of it
   * goes on in another one (T331).
   */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#pause()).then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /**
   * Writes the result of a plan. If another write came first, plans again.
   *
   * @throws StoreError; whatever `plan` throws
   */
  async commit(plan: () => readonly Write[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const writes = plan();
      if (writes.length === 0) return;
      try {
        await this.#catalogue.commit(writes);
        return;
      } catch (error) {
        if (!(error instanceof StoreError) || !retryable.has(error.refusal) || attempt === attempts)
          throw error;
        await this.#catalogue.refresh();
      }
    }
  }

  #pause(): Promise<void> | undefined {
    if (!this.#share.isOver) return undefined;
    return nextTurn().then(() => this.#share.renew());
  }

  /** Returns when all work is done. */
  async settled(): Promise<void> {
    await this.#last;
  }
}
