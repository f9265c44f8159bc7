import { nextTurn, TurnShare } from "../../../wire/next-turn.ts";
import { StoreError, type Write } from "../store/types.ts";
import type { Catalogue } from "./catalogue.ts";

/** The number of times that a write is tried if another write came first. */
const attempts = 5;

/** The most pieces of work that go before another one which waits. */
const mostInRow = 16;

/** Refusals after which a new plan may succeed. */
const retryable: ReadonlySet<string> = new Set(["taken", "stale", "referenced", "dangling"]);

/**
 * Writes of rows that the server makes by itself, one after the other, so that a plan made from a snapshot is still right when
 * it is written.
 */
export class RowWrites {
  readonly #catalogue: Catalogue;
  readonly #share = new TurnShare(8);
  /** The work that waits for its turn, in its order: what goes first, and the rest. */
  readonly #first: (() => Promise<void>)[] = [];
  readonly #rest: (() => Promise<void>)[] = [];
  #working: Promise<void> | undefined;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  /**
   * Runs some work when all earlier work is done. SQLite answers in the same turn of the event loop, so that much of it
   * goes on in another one (T331).
   *
   * @param isFirst true to go before the work that waits without it (failure mode 310)
   */
  inTurn<T>(work: () => Promise<T>, isFirst = false): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    (isFirst ? this.#first : this.#rest).push(async () => {
      try {
        resolve(await work());
      } catch (error) {
        reject(error);
      }
    });
    this.#working ??= this.#workOff();
    return promise;
  }

  async #workOff(): Promise<void> {
    for (let inRow = 0; ; ) {
      await this.#pause();
      // An endless row of first ones does not keep the rest waiting for ever.
      const isRest = this.#first.length === 0 || (inRow >= mostInRow && this.#rest.length > 0);
      inRow = isRest ? 0 : inRow + 1;
      const next = (isRest ? this.#rest : this.#first).shift();
      if (!next) {
        // At once: what comes a moment later would wait for ever.
        this.#working = undefined;
        return;
      }
      await next();
    }
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
    await this.#working;
  }
}
