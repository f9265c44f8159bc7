import { AppError } from "../../errors.ts";
import { storeFailure } from "../core/store/store-failure.ts";
import { type AuditEvent, type Store, StoreError } from "../core/store/types.ts";

/** The most events in one transaction. */
const batchSize = 1000;

interface Batch {
  events: AuditEvent[];
  /** Resolves when the batch is committed. */
  committed: Promise<void>;
}

/**
 * Writes audit events in batches. Events of one turn of the event loop share a transaction and a promise, so that an
 * event costs microseconds and is still committed before the last byte of its response is sent.
 */
export class Audit {
  readonly #store: Store;
  readonly #onRecord: ((event: AuditEvent) => void) | undefined;
  /** The batch that takes new events. */
  #open: Batch | undefined;
  /** Events that are not committed yet. */
  #waiting = 0;
  /** The last batch. The next one is written after it. */
  #last: Promise<void> = Promise.resolve();

  /** @param onRecord is called with each event before it is committed */
  constructor(store: Store, onRecord?: (event: AuditEvent) => void) {
    this.#store = store;
    this.#onRecord = onRecord;
  }

  /** Records an event. Resolves when it is committed. Throws AppError `storage_full` or `unavailable`. */
  record(event: AuditEvent): Promise<void> {
    this.#open ??= this.#begin();
    const { events, committed } = this.#open;
    this.#waiting++;
    this.#onRecord?.(event);
    if (events.push(event) === batchSize) this.#open = undefined;
    return committed;
  }

  /** The number of events that wait to be committed. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Resolves when all events so far are committed, or have failed. */
  async settled(): Promise<void> {
    await this.#last.catch(() => {});
  }

  #begin(): Batch {
    const events: AuditEvent[] = [];
    const committed = this.#write(events, this.#last);
    this.#last = committed;
    return { events, committed };
  }

  async #write(events: AuditEvent[], before: Promise<void>): Promise<void> {
    await before.catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#open?.events === events) this.#open = undefined;
    try {
      await this.#store.appendAudit(events);
    } catch (error) {
      if (error instanceof StoreError) throw storeFailure(error);
      throw new AppError("internal", "the audit log failed", { cause: error });
    } finally {
      this.#waiting -= events.length;
    }
  }
}
