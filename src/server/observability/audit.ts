import { AppError } from "../../errors.ts";
import { storeFailure } from "../core/store/store-failure.ts";
import { type AuditEvent, type Store, StoreError } from "../core/store/types.ts";

/** The most events in one transaction. */
const batchSize = 1000;
/** Milliseconds that a call waits to learn if the database works again. */
const trialWait = 1000;

interface Batch {
  events: AuditEvent[];
  /** Resolves when the batch is committed. */
  committed: Promise<void>;
}

/** The audit log, as calls write it. */
export type AuditLog = Pick<Audit, "record" | "assertWorks">;

/**
 * Writes audit events in batches. Events of one or two turns of the event loop share a transaction and a promise, so that
 * an event costs microseconds and is still committed before the last byte of its response is sent.
 */
export class Audit {
  readonly #store: Store;
  readonly #onRecord: ((event: AuditEvent) => void) | undefined;
  /** The batch that takes new events. */
  #open: Batch | undefined;
  /** Events that are not committed yet. */
  #waiting = 0;
  /** Events of the last batch. */
  #lastSize = 0;
  /** The last batch. The next one is written after it. */
  #last: Promise<void> = Promise.resolve();

  /** The failure of the last batch, if the database could not be written. */
  #failure: StoreError | undefined;
  /** A look if it can be written again. */
  #trial: Promise<void> | undefined;

  /** @param onRecord is called with each event before it is committed */
  constructor(store: Store, onRecord?: (event: AuditEvent) => void) {
    this.#store = store;
    this.#onRecord = onRecord;
  }

  /** Records an event. Resolves when it is committed. Throws AppError `storage_full` or `unavailable`. */
  record(event: AuditEvent): Promise<void> {
    this.#onRecord?.(event);
    return this.append(event);
  }

  /** Does the same with an event of a worker, whose part of the access log has it already. */
  append(event: AuditEvent): Promise<void> {
    this.#open ??= this.#begin();
    const { events, committed } = this.#open;
    this.#waiting++;
    if (events.push(event) === batchSize) this.#open = undefined;
    return committed;
  }

  /**
   * Is asked before a call that costs money or does something. Without its event its answer would be withheld at the end.
   * Returns undefined if the last events were written; otherwise there is something to wait for.
   *
   * @throws AppError `storage_full` or `unavailable` if the last events could not be written, and the database still fails
   */
  assertWorks(): Promise<void> | undefined {
    return this.#failure && this.#assertWorksAgain();
  }

  async #assertWorksAgain(): Promise<void> {
    this.#trial ??= this.#try().finally(() => {
      this.#trial = undefined;
    });
    await Promise.race([this.#trial, new Promise((resolve) => setTimeout(resolve, trialWait))]);
    if (this.#failure) throw storeFailure(this.#failure);
  }

  /** The number of events that wait to be committed. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Resolves when all events so far are committed, or have failed. */
  async settled(): Promise<void> {
    await this.#last.catch(() => {});
  }

  async #try(): Promise<void> {
    try {
      await this.#store.appendAudit([]);
      this.#failure = undefined;
    } catch (error) {
      if (error instanceof StoreError) this.#failure = error;
    }
  }

  #begin(): Batch {
    const events: AuditEvent[] = [];
    const committed = this.#write(events, this.#last);
    this.#last = committed;
    return { events, committed };
  }

  async #write(events: AuditEvent[], before: Promise<void>): Promise<void> {
    await before.catch(() => {});
    await turnEnd();
    // Where calls come together, those of the next turn share this transaction: it costs more than their events.
    if (this.#lastSize > 1) await turnEnd();
    this.#lastSize = events.length;
    if (this.#open?.events === events) this.#open = undefined;
    try {
      await this.#store.appendAudit(events);
      this.#failure = undefined;
    } catch (error) {
      if (error instanceof StoreError) {
        this.#failure = error;
        throw storeFailure(error);
      }
      throw new AppError("internal", "the audit log failed", { cause: error });
    } finally {
      this.#waiting -= events.length;
    }
  }
}

/** Resolves when the turn of the event loop is over. */
function turnEnd(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
