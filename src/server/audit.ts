import { AppError } from "../errors.ts";
import { storeFailure } from "./catalogue/resources.ts";
import { type AuditEvent, type Store, StoreError } from "./store/types.ts";

interface Waiting {
  event: AuditEvent;
  done: PromiseWithResolvers<void>;
}

/** How many events go into one transaction. */
const batchSize = 1000;

/**
 * Writes audit events in groups: all that came in one turn of the event loop share a transaction, so that a row
 * costs microseconds and yet is committed before its answer is sent.
 */
export class Audit {
  readonly #store: Store;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Returns when the event is committed. Throws AppError `storage_full` or `unavailable`. */
  record(event: AuditEvent): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ event, done });
    if (!this.#flushing) {
      this.#flushing = new Promise((resolve) => setImmediate(resolve))
        .then(() => this.#flush())
        .finally(() => {
          this.#flushing = undefined;
        });
    }
    return done.promise;
  }

  /** Returns when all that was recorded is committed, or has failed. */
  async settled(): Promise<void> {
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchSize);
      try {
        await this.#store.appendAudit(batch.map(({ event }) => event));
        for (const { done } of batch) done.resolve();
      } catch (error) {
        const reason =
          error instanceof StoreError
            ? storeFailure(error)
            : new AppError("internal", "the audit log failed", { cause: error });
        for (const { done } of batch) done.reject(reason);
      }
    }
  }
}
