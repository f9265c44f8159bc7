import { withoutSealed } from "../../adapters/without-sealed.ts";
import type { AppError } from "../../errors.ts";
import { isDialect } from "../../wire/dialects/operations.ts";
import { capabilitiesOf } from "../core/capabilities.ts";
import { isVirtual, type LlmRow } from "../core/store/typed-rows.ts";
import type { VirtualLlms } from "../workstations/virtual-llms.ts";
import type { SealedMemory } from "./answers/sealed-origins.ts";
import { type AttemptOutcome, attempt, currentLlm } from "./attempt.ts";
import type { CallContext, InferenceDeps } from "./call.ts";
import { transportFailure } from "./failure.ts";
import { withContextLimit } from "./known-limits.ts";
import type { Pace } from "./pace.ts";
import type { CoolDown } from "./pools/cool-down.ts";
import { byFit } from "./pools/fit.ts";
import { inOrder, type MemberState } from "./pools/order.ts";
import { type CallQueues, queueLimitsOf } from "./pools/queue.ts";
import { isHibernating } from "./pools/resolve.ts";
import { changedRequest } from "./request.ts";
import { classifyFailure, type Failures, nextAttempt } from "./retry.ts";

/** The parts of `Inference` that attempts use. */
export interface AttemptsOptions {
  deps: InferenceDeps;
  pace: Pace;
  queues: CallQueues;
  coolDown: CoolDown;
  sealed: SealedMemory;
  /** Answers a call of which no attempt is left. */
  onGivenUp(context: CallContext, error: AppError): Promise<Response>;
}

/** Tries the llms that can answer a call until one begins to answer, or no further attempt is allowed. */
export class Attempts implements AttemptOutcome {
  readonly #options: AttemptsOptions;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** Answers a call by the first attempt that succeeds. */
  begin(context: CallContext): Promise<Response> {
    try {
      context.order = this.#inOrder(context);
    } catch (thrown) {
      return this.#end(context, thrown);
    }
    context.startedAt = this.#options.pace.elapsed();
    return this.#attempt(context, context.order[0]!);
  }

  #attempt(context: CallContext, llm: LlmRow): Promise<Response> {
    const { deps, queues } = this.#options;
    if (context.failures) deps.metrics.retried(llm, context.call.operation);
    context.record.attemptBegins();
    return attempt(deps, queues.of(llm), context, llm, this);
  }

  succeeded({ signal }: CallContext, llm: LlmRow): void {
    this.#options.coolDown.succeeded(llm.id);
    signal.stop();
  }

  async failed(context: CallContext, llm: LlmRow, thrown: unknown): Promise<Response> {
    try {
      const failures = this.#note(context, llm, thrown);
      const { pace } = this.#options;
      const next = nextAttempt(context.order.length, failures.history, context.startedAt, pace.random);
      if (next) return this.#after(next.wait, context, context.order[next.member]!);
      const readable = context.isReadable ? undefined : withReadableHistory(context, failures.error);
      return readable ? this.begin(readable) : this.#end(context, failures.error);
    } catch (defect) {
      return this.#end(context, defect);
    }
  }

  /** Notes a failed attempt. Returns all of them. */
  #note(context: CallContext, llm: LlmRow, thrown: unknown): Failures {
    const { pace, coolDown } = this.#options;
    const { record } = context;
    const known = capabilitiesOf(context.snapshot, llm);
    const failure = withContextLimit(transportFailure(thrown), known, context.request);
    const { retry, isHealthy, cannotConnect } = classifyFailure(thrown, record.providerStatus);
    record.attemptFailed(llm, failure);
    if (isHealthy === undefined) coolDown.undecided(llm.id, context.call.requestId);
    else if (isHealthy) coolDown.succeeded(llm.id);
    else coolDown.failed(llm.id, failure.retryAfter, cannotConnect);
    context.failures ??= { history: [], error: failure };
    const { failures } = context;
    // A member that has no such operation matters less than the failure of another member.
    if (retry === "never" || failure.code !== "invalid_request") failures.error = failure;
    const member = context.order.indexOf(llm);
    failures.history.push({ member, retry, at: pace.elapsed(), retryAfter: failure.retryAfter });
    return failures;
  }

  /** Makes another attempt after some milliseconds, in which the llm may have changed. */
  async #after(wait: number, context: CallContext, llm: LlmRow): Promise<Response> {
    if (wait === 0) return this.#attempt(context, llm);
    const { pace, deps } = this.#options;
    const { order } = context;
    let current: LlmRow;
    try {
      await pace.wait(wait, context.signal);
      current = currentLlm(deps, context, llm);
    } catch (thrown) {
      return this.failed(context, llm, thrown);
    }
    context.order = order.with(order.indexOf(llm), current);
    return this.#attempt(context, current);
  }

  #end(context: CallContext, thrown: unknown): Promise<Response> {
    const { signal } = context;
    signal.stop();
    return this.#options.onGivenUp(context, signal.errorOf(thrown));
  }

  /** The llms of a pool in the order in which they are tried. The one that can read sealed reasoning goes first. */
  #inOrder(context: CallContext): readonly LlmRow[] {
    return context.candidates.length === 1 ? context.candidates : this.#poolInOrder(context);
  }

  #poolInOrder({ call: { requestId, operation }, request, candidates, snapshot }: CallContext) {
    const { deps, queues, coolDown, pace, sealed } = this.#options;
    const { first: members, last } = byFit(snapshot, candidates, operation, request);
    if (members.length === 1) return [...members, ...last];
    const isFull = (llm: LlmRow) => queues.of(llm).inFlight >= queueLimitsOf(llm).maxConcurrent;
    const { virtualLlms } = deps;
    const probed = members.find((llm) => !isFull(llm) && coolDown.claimProbe(llm.id, requestId));
    const stateOf = (llm: LlmRow) => ({
      inFlight: queues.of(llm).inFlight,
      isFull: isFull(llm),
      isCoolingDown: coolDown.isCoolingDown(llm.id),
      atAgent: virtualLlms && isVirtual(llm) ? stateAtAgent(llm, virtualLlms) : undefined,
    });
    const others = probed ? members.filter((llm) => llm !== probed) : members;
    const order = inOrder(others, stateOf, pace.random);
    if (probed) order.unshift(probed);
    order.push(...last);
    const origin = sealed.originOf(request.body);
    if (origin === undefined) return order;
    const reader = members.find(({ id }) => id === origin && !coolDown.isCoolingDown(id));
    return reader ? [reader, ...order.filter((llm) => llm !== reader)] : order;
  }
}

/**
 * Returns a call without the reasoning in its history that no llm can read, because another account sealed it, so that the
 * conversation can go on (case 98); undefined for one that was refused for something else.
 */
function withReadableHistory(context: CallContext, error: AppError): CallContext | undefined {
  const { call, request } = context;
  if (error.provider?.meaning?.is !== "sealed_elsewhere" || !isDialect(call.operation)) return undefined;
  const changes = withoutSealed(call.operation, request.body);
  if (Object.keys(changes).length === 0) return undefined;
  const changed = changedRequest(request, changes);
  context.record.tokens = undefined;
  return { ...context, request: changed, isReadable: true, failures: undefined };
}

function stateAtAgent(llm: LlmRow, virtualLlms: VirtualLlms): NonNullable<MemberState["atAgent"]> {
  if (isHibernating(llm)) return virtualLlms.wakingFor(llm) === undefined ? "hibernating" : "waking";
  if (virtualLlms.inFlight(llm) > 0) return "busy";
  return virtualLlms.isResident(llm) ? "resident" : "cold";
}
