import type { BilledUnits } from "../../adapters/passthrough/billed-units.ts";
import type { AppError } from "../../errors.ts";
import { isCounting, isDialect, type Operation } from "../../wire/dialects/operations.ts";
import { noUsage, type Usage } from "../../wire/dialects/usage.ts";
import { impersonationOf, type Principal, tokenIdOf } from "../core/access/policy.ts";
import { ofPrivate } from "../core/caller.ts";
import { costOf } from "../core/prices.ts";
import { isVirtual, type LlmRow, type PersonaRow } from "../core/store/typed-rows.ts";
import type { AuditEvent } from "../core/store/types.ts";
import type { AuditLog } from "../observability/audit.ts";
import type { Span } from "../observability/traces.ts";
import type { CallMetrics } from "./call-metrics.ts";
import { CallPhases } from "./call-phases.ts";
import { failureFacts, mostAttempts, type RecordedAttempt, scrubbed } from "./call-story.ts";
import { ReceivedBytes, type SentRequest } from "./estimated-usage.ts";
import type { Admission } from "./limits/limiter.ts";
import type { HealthBook } from "./llm-health.ts";
import type { RequestTokens } from "./request-tokens.ts";
import { settledUsage } from "./settled-usage.ts";

/** The facts of a call, which are filled in as they become known. */
export interface CallFacts {
  requestId: string;
  principal: Principal;
  dialect: Operation;
  llm?: LlmRow | undefined;
  /** The persona that was called. */
  persona?: PersonaRow | undefined;
  /** The requested name, if it is the name of a pool. */
  pool?: string | undefined;
  model?: string | undefined;
  streaming: boolean;
}

const none: readonly RecordedAttempt[] = [];

/** Records one call: exactly one audit event, its metrics and its use of limits. */
export class CallRecord {
  readonly facts: CallFacts;
  /** Undefined if the call is not traced. */
  readonly span: Span | undefined;
  /** The reservation of limits. Undefined before the call is admitted. */
  admission: Admission | undefined;
  /** The request that is with a provider, which may already work on it; undefined while none has it. */
  sent: SentRequest | undefined;
  /**
   * The status of the provider's response to the attempt under way, or of an error that was the first event of its stream;
   * undefined before there is one.
   */
  providerStatus: number | undefined;
  /** The tokens of the caller's request; undefined before they were estimated, and once it was changed. */
  tokens: RequestTokens | undefined;
  /** Tokens that the provider keeps and reads with the request. */
  keptTokens = 0;
  /** Takes the usage that counts, before the call is over. */
  onUsage: ((usage: Usage) => void) | undefined;
  /** Units besides tokens that the request asks for; none for calls of a dialect. */
  askedUnits: BilledUnits | undefined;
  readonly phases = new CallPhases();
  /** The bytes of the response that arrived. */
  readonly received = new ReceivedBytes();
  readonly #audit: AuditLog;
  readonly #metrics: CallMetrics;
  readonly #health: HealthBook;
  readonly #now: () => number;
  readonly #start = performance.now();
  #firstByte: number | undefined;
  #closed = false;
  /** Tokens of requests that providers have read, without an answer. */
  #lost = 0;
  #whenOver: (() => void)[] | undefined;
  /** True if a private llm was tried: whoever reads the record may not see it. */
  #triedPrivate = false;
  /** The attempts that failed. */
  #failed: readonly RecordedAttempt[] = none;
  /** The begin of the attempt under way; undefined while there is none. */
  #attemptAt: number | undefined;
  #asked: string | undefined;

  constructor(
    facts: CallFacts,
    audit: AuditLog,
    metrics: CallMetrics,
    health: HealthBook,
    now: () => number,
    span?: Span,
  ) {
    this.facts = facts;
    this.span = span;
    this.#audit = audit;
    this.#metrics = metrics;
    this.#health = health;
    this.#now = now;
    metrics.begin();
  }

  /** Notes that the first byte of a stream was sent to the caller. */
  firstByte(): void {
    if (this.#firstByte !== undefined) return;
    this.#firstByte = performance.now();
    this.span?.firstByte();
  }

  /** Notes the name that is asked for. It is recorded if there is no such llm, or the caller may not call it. */
  asks(name: string): void {
    this.#asked = name;
  }

  /** Notes that an attempt begins. */
  attemptBegins(): void {
    this.#attemptAt = performance.now();
  }

  /** Notes that an attempt failed. */
  attemptFailed(llm: LlmRow, error: AppError): void {
    if (llm.visibility === "private") this.#triedPrivate = true;
    if (this.#failed.length < mostAttempts)
      this.#failed = [...this.#failed, this.#attempt(llm, this.providerStatus, error)];
    this.#attemptAt = undefined;
    this.providerStatus = undefined;
    this.#health.failed(llm, error);
  }

  /**
   * Notes that no answer comes of the request that was sent.
   *
   * @param counts true if its provider may have worked on it, so that it counts as read
   */
  attemptLost(counts: boolean): void {
    if (counts) this.#lost += this.sent?.promptTokens ?? 0;
    this.sent = undefined;
  }

  /** Calls a function when the call is over: at once if it is. */
  whenOver(after: () => void): void {
    if (this.#closed) return after();
    this.#whenOver ??= [];
    this.#whenOver.push(after);
  }

  /** Forgets the call, which is recorded where it is passed on to. */
  drop(): void {
    this.#closed = true;
    for (const after of this.#whenOver ?? []) after();
    this.#metrics.end();
  }

  /** Commits the audit event; a second call does nothing. The last byte is sent after this returns. Throws AppError. */
  close(status: number, reported = noUsage, error?: AppError): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    for (const after of this.#whenOver ?? []) after();
    const { facts } = this;
    const { llm, principal } = facts;
    const { usage, isEstimated, units } = settledUsage(reported, {
      // Counting the tokens of a request uses none.
      sent: isCounting(facts.dialect) ? undefined : this.sent,
      received: this.received,
      isBroken: error !== undefined,
      silentMs: error && isOfCaller(error) && writesText(facts.dialect) ? this.#silentMs() : undefined,
      isVirtual: llm !== undefined && isVirtual(llm),
      askedUnits: this.askedUnits,
    });
    usage.promptTokens += this.#lost;
    this.admission?.settle(llm, usage, facts.model);
    this.onUsage?.(usage);
    const milliseconds = performance.now() - this.#start;
    const ttftMs = this.#firstByte === undefined ? undefined : this.#firstByte - this.#start;
    this.#metrics.end();
    this.span?.end({ ...facts, status, usage, error: error?.code });
    if (llm) {
      if (error) this.#health.failed(llm, error);
      else if (this.sent) this.#health.succeeded(llm, Math.round(ttftMs ?? milliseconds));
      const firstByte = ttftMs === undefined ? undefined : ttftMs / 1000;
      this.#metrics.measure(llm, facts.dialect, milliseconds / 1000, firstByte, usage, error?.code);
    }
    const event: AuditEvent = {
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
      costMicros: llm && costOf(llm, usage, facts.model),
      llm: facts.pool ?? llm?.name,
      poolMember: facts.pool === undefined ? undefined : llm?.name,
      type: llm?.spec.type,
      model: facts.model,
      ttftMs,
      error: error?.code,
    };
    const detail = this.#detail(usage, units, isEstimated || this.#lost > 0, status, error);
    if (detail) event.detail = detail;
    return this.#audit.record(event);
  }

  /** Returns how long the provider has worked before anything of its answer came. Milliseconds. */
  #silentMs(): number {
    const isSilent = this.#firstByte === undefined || this.received.tokens() === 0;
    return (isSilent ? performance.now() : this.#firstByte!) - (this.phases.sentAt ?? this.#start);
  }

  /** Returns the facts that few calls have; undefined where there are none. */
  #detail(
    { cacheWriteTokens }: Usage,
    units: BilledUnits | undefined,
    isEstimated: boolean,
    status: number,
    error: AppError | undefined,
  ): Record<string, unknown> | undefined {
    const { llm, persona, principal, pool } = this.facts;
    const isPrivate =
      this.#triedPrivate || llm?.visibility === "private" || persona?.visibility === "private";
    if (
      !error &&
      this.#failed.length === 0 &&
      !persona &&
      !isPrivate &&
      !isEstimated &&
      !units &&
      !cacheWriteTokens &&
      !principal.impersonator
    )
      return undefined;
    const asked = error && llm === undefined && pool === undefined ? this.#asked : undefined;
    const detail = {
      ...(persona && { agent: persona.name, id: persona.id }),
      ...ofPrivate(isPrivate),
      ...impersonationOf(principal),
      ...(isEstimated && { estimated: true }),
      ...units,
      ...(cacheWriteTokens && { cacheWriteTokens }),
      ...(asked !== undefined && { asked: scrubbed(asked) }),
      ...(error && failureFacts(error, llm)),
      ...(this.#failed.length > 0 && this.#attempts(error)),
      ...(error !== undefined && status >= 499 && { phases: this.phases.times() }),
    };
    return Object.keys(detail).length > 0 ? detail : undefined;
  }

  /** Returns the attempts of a call that needed several, with the last one. */
  #attempts(error: AppError | undefined): { attempts?: readonly RecordedAttempt[] } {
    const { llm } = this.facts;
    const isLast = this.#attemptAt !== undefined && llm !== undefined;
    const attempts = isLast
      ? [...this.#failed, this.#attempt(llm, error ? undefined : 200, error)]
      : this.#failed;
    return attempts.length > 1 ? { attempts } : {};
  }

  #attempt(llm: LlmRow, status: number | undefined, error: AppError | undefined): RecordedAttempt {
    return {
      llm: llm.name,
      ...(status !== undefined && { status }),
      ...(error && { error: error.code }),
      durationMs: Math.round(performance.now() - (this.#attemptAt ?? this.#start)),
      ...(error && failureFacts(error, llm)),
    };
  }
}

/** True for the end of a call whose caller left or lost the right to it: providers fail with other errors. */
function isOfCaller({ status, provider }: AppError): boolean {
  return status < 500 && !provider;
}

function writesText(operation: Operation): boolean {
  return isDialect(operation) || operation === "completions";
}
