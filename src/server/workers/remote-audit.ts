import type { AuditEvent } from "../core/store/types.ts";
import type { AuditLog } from "../observability/audit.ts";
import type { MainLink } from "./main-link.ts";

interface OpenBatch {
  events: AuditEvent[];
  committed: Promise<void>;
}

/** The audit log, as a worker writes it: the main thread commits the events of all workers and its own together. */
export class RemoteAudit implements AuditLog {
  readonly #link: MainLink;
  readonly #onRecord: ((event: AuditEvent) => void) | undefined;
  #open: OpenBatch | undefined;
  /** True if the last events could not be written. */
  #isFailing = false;

  constructor(link: MainLink, onRecord?: (event: AuditEvent) => void) {
    this.#link = link;
    this.#onRecord = onRecord;
  }

  record(event: AuditEvent): Promise<void> {
    this.#onRecord?.(event);
    this.#open ??= this.#begin();
    this.#open.events.push(event);
    return this.#open.committed;
  }

  assertWorks(): Promise<void> | undefined {
    return this.#isFailing ? this.#assertWorksAgain() : undefined;
  }

  async #assertWorksAgain(): Promise<void> {
    await this.#link.ask({ is: "auditWorks" });
    this.#isFailing = false;
  }

  #begin(): OpenBatch {
    const events: AuditEvent[] = [];
    const committed = this.#link.ask({ is: "audit", events }, () => {
      this.#open = undefined;
    }) as Promise<void>;
    committed.then(
      () => {
        this.#isFailing = false;
      },
      () => {
        this.#isFailing = true;
      },
    );
    return { events, committed };
  }
}
