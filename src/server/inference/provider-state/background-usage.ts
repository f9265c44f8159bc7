import { noUsage, type Usage } from "../../../wire/dialects/usage.ts";
import { isObject } from "../../../wire/json.ts";
import { type Principal, tokenIdOf } from "../../core/access/policy.ts";
import { costOf } from "../../core/prices.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";
import type { Audit } from "../../observability/audit.ts";
import type { Limiter } from "../limits/limiter.ts";

/** An answer that a provider makes in the background. */
export interface BackgroundAnswer {
  requestId: string;
  principal: Principal;
  llm: LlmRow;
  model: string | undefined;
  id: string;
}

interface Pending extends BackgroundAnswer {
  since: number;
  nextLook: number;
  looks: number;
}

/** The most answers that are waited for. The oldest is given up first. */
const mostPending = 1_000;
/** The most answers that are looked at in one run. */
const mostLooks = 20;
/** Milliseconds. */
const shortestWait = 5_000;
const longestWait = 60_000;
const longestAnswer = 24 * 60 * 60_000;

const running: readonly unknown[] = ["queued", "in_progress"];

/** Returns true for an answer that its provider has not ended. */
export function isRunning(answer: unknown): boolean {
  return isObject(answer) && running.includes(answer.status);
}

/**
 * Books the usage of answers that providers make in the background: it is known only when the answer has ended. The
 * server looks for it itself, so that a caller who never fetches an answer pays for it too (T133).
 */
export class BackgroundUsage {
  readonly #audit: Audit;
  readonly #limits: Limiter;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #pending = new Map<string, Pending>();

  /** @param elapsed monotonic milliseconds */
  constructor(audit: Audit, limits: Limiter, now: () => number, elapsed: () => number) {
    this.#audit = audit;
    this.#limits = limits;
    this.#now = now;
    this.#elapsed = elapsed;
  }

  /** Waits for the end of an answer. */
  add(answer: BackgroundAnswer): void {
    const since = this.#elapsed();
    this.#pending.set(keyOf(answer), { ...answer, since, nextLook: since + shortestWait, looks: 0 });
    if (this.#pending.size > mostPending) this.#pending.delete(this.#pending.keys().next().value!);
  }

  /** Returns the answers at which it is time to look. The next look at each is later. */
  due(): BackgroundAnswer[] {
    const now = this.#elapsed();
    const due: BackgroundAnswer[] = [];
    for (const [key, pending] of this.#pending) {
      if (pending.since < now - longestAnswer) this.#pending.delete(key);
      else if (pending.nextLook <= now && due.length < mostLooks) {
        pending.nextLook = now + Math.min(longestWait, shortestWait * 2 ** ++pending.looks);
        due.push(pending);
      }
    }
    return due;
  }

  /** Gives up an answer that its provider does not have any more. */
  drop(answer: Pick<BackgroundAnswer, "principal" | "id">): void {
    this.#pending.delete(keyOf(answer));
  }

  /** Books the usage of an answer that has ended, once. Throws AppError if the audit event cannot be written. */
  async settle(answer: Pick<BackgroundAnswer, "principal" | "id">, usage: Usage = noUsage): Promise<void> {
    const pending = this.#pending.get(keyOf(answer));
    if (!pending) return;
    this.#pending.delete(keyOf(answer));
    const { requestId, principal, llm, model, id } = pending;
    this.#limits.book(principal, llm, usage, model);
    await this.#audit.record({
      at: this.#now(),
      action: "llm_inference_call",
      requestId,
      userId: principal.userId,
      tokenId: tokenIdOf(principal),
      status: 200,
      dialect: "responses",
      streaming: false,
      promptTokens: usage.promptTokens,
      completionTokens: usage.completionTokens,
      cachedTokens: usage.cachedTokens,
      costMicros: costOf(llm, usage, model),
      llm: llm.name,
      type: llm.spec.type,
      ...(model !== undefined && { model }),
      detail: { settles: id },
    });
  }
}

function keyOf({ principal, id }: Pick<BackgroundAnswer, "principal" | "id">): string {
  return `${principal.id} ${id}`;
}
