import { AppError } from "../../errors.ts";
import { storeFailure } from "../core/store/store-failure.ts";
import { type AuditEvent, type Store, StoreError } from "../core/store/types.ts";

/** How many events go into one transaction at most. */
const batchSize = 1000;

interface Batch {
  events: AuditEvent[];
  /** When it is committed; rejects for all of it. */
  committed: Promise<void>;
}

/**
 * Writes audit events in groups: all that came in one turn of the event loop share a transaction, and a promise,
 * so that a row costs microseconds and yet is committed before its answer is sent.
 */
export class Audit {
  readonly #store: Store;
  readonly #heard: ((event: AuditEvent) => void) | undefined;
  /** Still takes events. */
  #open: Batch | undefined;
  /** Recorded, and not yet committed. */
  #waiting = 0;
  /** The batch begun last: the next one is written after it. */
  #last: Promise<void> = Promise.resolve();

  /** @param heard told of each event when it is recorded, before it is committed */
  constructor(store: Store, heard?: (event: AuditEvent) => void) {
    this.#store = store;
    this.#heard = heard;
  }

  /** Returns when the event is committed. Throws AppError `storage_full` or `unavailable`. */
  record(event: AuditEvent): Promise<void> {
    this.#open ??= this.#begin();
    const { events, committed } = this.#open;
    this.#waiting++;
    this.#heard?.(event);
    if (events.push(event) === batchSize) this.#open = undefined;
    return committed;
  }

  /** How many events wait to be committed. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Returns when all that was recorded is committed, or has failed. */
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
