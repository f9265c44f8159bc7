import type { AppError } from "../../errors.ts";
import type { Operation } from "../../wire/dialects/operations.ts";
import { noUsage, type Usage } from "../../wire/dialects/usage.ts";
import { type Principal, tokenIdOf } from "../core/access/policy.ts";
import type { LlmRow, PersonaRow } from "../core/store/typed-rows.ts";
import type { Audit } from "../observability/audit.ts";
import type { Span } from "../observability/traces.ts";
import type { CallMetrics } from "./call-metrics.ts";
import type { Admission } from "./limits/limiter.ts";
import { costOf } from "./limits/prices.ts";

/** What is known of a call before it is made. */
export interface CallFacts {
  requestId: string;
  principal: Principal;
  dialect: Operation;
  llm?: LlmRow;
  /** The persona that was asked. */
  agent?: PersonaRow;
  /** The name that was asked for, when it was a pool's. */
  pool?: string;
  model?: string;
  streaming: boolean;
}

/** No model reads or writes more in a call, whatever its provider says; years of it fit into a sum. */
const mostTokens = 100_000_000;

/** Keeps the books of one call: exactly one audit event, and its metrics. */
export class CallRecord {
  readonly facts: CallFacts;
  /** Where the call is traced. */
  readonly span: Span | undefined;
  /** What it was let through for, where limits are kept. */
  admission: Admission | undefined;
  readonly #audit: Audit;
  readonly #metrics: CallMetrics;
  readonly #now: () => number;
  readonly #start = performance.now();
  #firstByte: number | undefined;
  #closed = false;

  constructor(facts: CallFacts, audit: Audit, metrics: CallMetrics, now: () => number, span?: Span) {
    this.facts = facts;
    this.span = span;
    this.#audit = audit;
    this.#metrics = metrics;
    this.#now = now;
    metrics.begin();
  }

  /** The first byte of a stream has gone to the caller. */
  firstByte(): void {
    if (this.#firstByte !== undefined) return;
    this.#firstByte = performance.now();
    this.span?.firstByte();
  }

  /** Commits the event; the second time nothing. The last byte is sent when this has returned. Throws AppError. */
  async close(status: number, reported = noUsage, error?: AppError): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const usage = countable(reported);
    const { facts } = this;
    const { agent, llm, principal } = facts;
    this.admission?.settle(llm, usage);
    const milliseconds = performance.now() - this.#start;
    this.#metrics.end();
    this.span?.end({ ...facts, status, usage, error: error?.code });
    if (llm) {
      const firstByte = this.#firstByte === undefined ? undefined : (this.#firstByte - this.#start) / 1000;
      this.#metrics.measure(llm, facts.dialect, milliseconds / 1000, firstByte, usage, error?.code);
    }
    await this.#audit.record({
      at: this.#now(),
      action: "llm_inference_call",
      requestId: facts.requestId,
      userId: principal.userId,
      tokenId: tokenIdOf(principal),
      status,
      dialect: facts.dialect,
      streaming: facts.streaming,
      durationMs: milliseconds,
      promptTokens: usage.promptTokens,
      completionTokens: usage.completionTokens,
      cachedTokens: usage.cachedTokens,
      costMicros: llm && costOf(llm, usage),
      llm: facts.pool ?? llm?.name,
      poolMember: facts.pool === undefined ? undefined : llm?.name,
      type: llm?.spec.type,
      model: facts.model,
      ttftMs: this.#firstByte === undefined ? undefined : this.#firstByte - this.#start,
      error: error?.code,
      ...(agent && { detail: { agent: agent.name, id: agent.id } }),
    });
  }
}

/**
 * What a provider reports as far as it can be counted. It may be an agent's, and say anything: one that did not fit
 * would take the events of other calls along, and one below zero give back what was used.
 */
function countable({ promptTokens, completionTokens, cachedTokens }: Usage): Usage {
  const prompt = count(promptTokens);
  return {
    promptTokens: prompt,
    completionTokens: count(completionTokens),
    cachedTokens: Math.min(count(cachedTokens), prompt),
  };
}

function count(reported: unknown): number {
  return typeof reported === "number" && reported > 0 ? Math.min(Math.round(reported), mostTokens) : 0;
}
