import type { AppError } from "../../../errors.ts";
import type { Usage } from "../../../wire/dialects/usage.ts";
import { eventBy, ofPrivate } from "../../core/caller.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";
import type { AuditLog } from "../../observability/audit.ts";
import type { CallRecord } from "../record.ts";
import type { StateCall } from "./state-routes.ts";

/** Records a call about what a provider keeps: exactly one audit event. Such calls use no tokens. */
export class StateRecord implements Pick<CallRecord, "firstByte" | "close"> {
  /** Undefined before it is known. */
  llm: LlmRow | undefined;
  readonly received = { add() {} };
  readonly #call: StateCall;
  readonly #audit: AuditLog;
  readonly #now: () => number;
  readonly #start = performance.now();
  #closed = false;

  constructor(call: StateCall, audit: AuditLog, now: () => number) {
    this.#call = call;
    this.#audit = audit;
    this.#now = now;
  }

  firstByte(): void {}

  /** Commits the audit event; a second call does nothing. Throws AppError. */
  async close(status: number, _usage?: Usage, error?: AppError): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { llm } = this;
    const { route, id } = this.#call;
    const detail = {
      call: `${route.method} ${route.path}`,
      ...(id !== undefined && { object: id }),
      ...ofPrivate(llm?.visibility === "private"),
    };
    await this.#audit.record({
      ...eventBy(this.#call, { at: this.#now(), action: "llm_state_call", status, detail }),
      durationMs: performance.now() - this.#start,
      ...(llm && { llm: llm.name, type: llm.spec.type, model: llm.spec.model }),
      ...(error && { error: error.code }),
    });
  }
}
