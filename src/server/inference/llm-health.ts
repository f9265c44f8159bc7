import type { AppError, ErrorCode } from "../../errors.ts";
import type { LlmHealth } from "../core/store/snapshot.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";

/** The errors that say that an llm does not work, for any caller. */
const failing: ReadonlySet<ErrorCode> = new Set([
  "provider_unreachable",
  "provider_rejected_credential",
  "provider_error",
  "provider_timeout",
  "secret_unavailable",
]);

/** Keeps the health of llms as calls and probes of this server show it. */
export class HealthBook {
  readonly #states: Map<string, LlmHealth>;
  readonly #now: () => number;

  /**
   * @param states the health by the id of the llm
   * @param now milliseconds since 1970
   */
  constructor(states: Map<string, LlmHealth>, now: () => number) {
    this.#states = states;
    this.#now = now;
  }

  /** @param latencyMs the time to the first token, or to the whole answer of a call that was not streamed */
  succeeded({ id }: LlmRow, latencyMs?: number): void {
    const at = this.#now();
    const state = this.#states.get(id);
    if (!state || state.isFailing) {
      const { lastError } = state ?? {};
      this.#states.set(id, {
        isFailing: false,
        since: at,
        checkedAt: at,
        ...(latencyMs !== undefined && { latencyMs }),
        ...(lastError && { lastError }),
      });
      return;
    }
    state.checkedAt = at;
    if (latencyMs !== undefined) state.latencyMs = latencyMs;
  }

  /** Notes a failure, unless it is about the call and not about the llm. */
  failed(llm: LlmRow, error: AppError): void {
    if (!isAboutLlm(error)) return;
    const at = this.#now();
    const state = this.#states.get(llm.id);
    this.#states.set(llm.id, {
      isFailing: true,
      since: state?.isFailing ? state.since : at,
      checkedAt: at,
      ...(state?.latencyMs !== undefined && { latencyMs: state.latencyMs }),
      lastError: { at, code: error.code, message: wordsFor(error) },
    });
  }

  /** Forgets an llm that was changed or deleted. */
  forget(id: string): void {
    this.#states.delete(id);
  }
}

/** Returns the message for everybody who sees the llm: the words of the provider are for the caller (T246). */
function wordsFor({ provider, code, status, message }: AppError): string {
  return provider && code !== "provider_rejected_credential"
    ? `the provider answered with status ${status}`
    : message;
}

function isAboutLlm({ code, provider }: AppError): boolean {
  if (failing.has(code)) return true;
  // The provider limits this account, or its money is gone. A limit of this server is no matter of the llm.
  return provider !== undefined && (code === "too_many_requests" || provider.meaning?.is === "quota");
}
