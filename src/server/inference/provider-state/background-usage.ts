import { dialects } from "../../../wire/dialects/index.ts";
import { noUsage, type Usage } from "../../../wire/dialects/usage.ts";
import { isObject } from "../../../wire/json.ts";
import { impersonationOf, type Principal, personalIds, tokenIdOf } from "../../core/access/policy.ts";
import { ofPrivate } from "../../core/caller.ts";
import { costOf } from "../../core/prices.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";
import type { AuditLog } from "../../observability/audit.ts";
import type { SentRequest } from "../estimated-usage.ts";
import type { Admission } from "../limits/limiter.ts";
import type { ProviderObjects } from "./provider-objects.ts";

/** An answer that a provider makes in the background. */
export interface BackgroundAnswer {
  requestId: string;
  principal: Principal;
  llm: LlmRow;
  model: string | undefined;
  id: string;
  /** The reservation of its call, which lasts until its usage is known. */
  admission: Admission | undefined;
  sent: SentRequest | undefined;
}

/** The name of an answer: ids of providers are known by their owner only. */
type AnswerName = Pick<BackgroundAnswer, "principal" | "id">;

interface Pending extends BackgroundAnswer {
  since: number;
  nextLook: number;
  looks: number;
}

/** The most answers that are waited for. The oldest is settled first. */
export const mostPending = 1_000;
/** The most answers that are looked at in one run. */
const mostLooks = 20;
/** Milliseconds. */
const shortestWait = 5_000;
const longestWait = 60_000;
const longestLife = 24 * 60 * 60_000;

/** No model writes faster. */
const tokensPerSecond = 200;
/** The longest answer of current models. Tokens. */
const longestAnswer = 128_000;

const running: readonly unknown[] = ["queued", "in_progress"];

/** Returns true for an answer that its provider has not ended. */
export function isRunning(answer: unknown): boolean {
  return isObject(answer) && running.includes(answer.status);
}

/** Returns the usage that an answer reports; undefined if it has ended without a report that can be believed. */
export function reportedUsage(answer: unknown): Usage | undefined {
  const usage = dialects.responses.usage(answer);
  const isReported = usage && isReport(usage);
  // A provider bills nothing for an answer that it failed to make.
  return isReported ? usage : isObject(answer) && answer.status === "failed" ? noUsage : undefined;
}

/** True for a usage that tells anything: every answer has tokens. */
export function isReport({ promptTokens, completionTokens }: Usage): boolean {
  return promptTokens + completionTokens > 0;
}

/**
 * Books the usage of answers that providers make in the background: it is known only when the answer has ended. The
 * server looks for it itself, so that a caller who never fetches an answer pays for it too. An answer of which no usage
 * becomes known, because its caller deletes or cancels it, counts as what it can have used in its time (T133).
 */
export class BackgroundUsage {
  readonly #audit: AuditLog;
  readonly #objects: Pick<ProviderObjects, "book" | "measure">;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #pending = new Map<string, Pending>();

  /** @param elapsed monotonic milliseconds */
  constructor(
    audit: AuditLog,
    objects: Pick<ProviderObjects, "book" | "measure">,
    now: () => number,
    elapsed: () => number,
  ) {
    this.#audit = audit;
    this.#objects = objects;
    this.#now = now;
    this.#elapsed = elapsed;
  }

  /**
   * Waits for the end of an answer.
   *
   * @param age milliseconds since its call
   */
  add(answer: BackgroundAnswer, age = 0): void {
    const now = this.#elapsed();
    // A provider that gives an id twice does not make the first answer free.
    this.settle(answer).catch(() => {});
    this.#pending.set(keyOf(answer), {
      ...answer,
      since: now - age,
      nextLook: now + shortestWait,
      looks: 0,
    });
    if (this.#pending.size <= mostPending) return;
    const [oldest] = this.#pending.values();
    // Its usage is counted even where its event cannot be written.
    this.settle(oldest!).catch(() => {});
  }

  /** Returns the answer if it is waited for. */
  pending(answer: AnswerName): BackgroundAnswer | undefined {
    return this.#pending.get(keyOf(answer));
  }

  /** Returns the answers at which it is time to look, and notes that they were looked at: the next time is later. */
  due(): BackgroundAnswer[] {
    const now = this.#elapsed();
    const due: BackgroundAnswer[] = [];
    for (const pending of this.#pending.values()) {
      if (pending.nextLook > now) continue;
      pending.nextLook = now + Math.min(longestWait, shortestWait * 2 ** ++pending.looks);
      if (due.push(pending) === mostLooks) break;
    }
    return due;
  }

  /** True for an answer that has been waited for too long. */
  isOverdue(answer: AnswerName): boolean {
    const { since } = this.#pending.get(keyOf(answer)) ?? {};
    return since !== undefined && since < this.#elapsed() - longestLife;
  }

  /** Counts the usage of an answer whose own call books it. One without a report is settled by an estimate. */
  count(answer: AnswerName, usage: Usage): void {
    if (isReport(usage)) {
      const pending = this.#pending.get(keyOf(answer));
      this.#take(answer, pending ? withTier(usage, pending) : usage);
      this.#objects.book(personalIds(answer.principal).id, answer.id).catch(() => {});
    } else this.settle(answer).catch(() => {});
  }

  /**
   * Books the usage of an answer that has ended, once.
   *
   * @param usage undefined if nobody will ever report it: then an estimate counts
   * @throws AppError if the audit event cannot be written
   */
  async settle(answer: AnswerName, usage?: Usage): Promise<void> {
    const pending = this.#pending.get(keyOf(answer));
    if (!pending) return;
    const counted = withTier(usage ?? this.#estimate(pending), pending);
    this.#take(answer, counted);
    const { requestId, principal, llm, model, id } = pending;
    // Another server on the database may have taken it over meanwhile.
    if (!(await this.#objects.book(personalIds(principal).id, id))) return;
    await this.#audit.record({
      at: this.#now(),
      action: "llm_inference_call",
      requestId,
      userId: principal.userId,
      tokenId: tokenIdOf(principal),
      status: 200,
      dialect: "responses",
      streaming: false,
      promptTokens: counted.promptTokens,
      completionTokens: counted.completionTokens,
      cachedTokens: counted.cachedTokens,
      costMicros: costOf(llm, counted, model),
      llm: llm.name,
      type: llm.spec.type,
      ...(model !== undefined && { model }),
      detail: {
        settles: id,
        ...(!usage && { estimated: true }),
        ...ofPrivate(llm.visibility === "private"),
        ...impersonationOf(principal),
      },
    });
  }

  #take(answer: AnswerName, usage: Usage): void {
    const pending = this.#pending.get(keyOf(answer));
    if (!pending) return;
    this.#pending.delete(keyOf(answer));
    const owner = personalIds(pending.principal).id;
    this.#objects.measure(owner, pending.id, usage.promptTokens + usage.completionTokens);
    pending.admission?.settle(pending.llm, usage, pending.model);
  }

  /** Returns what an answer can have used since its call. */
  #estimate({ sent, since }: Pending): Usage {
    const written = Math.ceil(((this.#elapsed() - since) / 1000) * tokensPerSecond);
    return {
      ...noUsage,
      promptTokens: sent?.promptTokens ?? 0,
      completionTokens: Math.min(written, sent?.maxTokens ?? longestAnswer),
    };
  }
}

function withTier(usage: Usage, { sent }: Pending): Usage {
  return sent?.tier ? { ...usage, tier: sent.tier } : usage;
}

function keyOf({ principal, id }: AnswerName): string {
  return `${personalIds(principal).id} ${id}`;
}
