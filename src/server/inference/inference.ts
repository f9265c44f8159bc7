import { requestedUnits } from "../../adapters/passthrough/billed-units.ts";
import type { ResponsesAnswer } from "../../adapters/types.ts";
import { withoutSealed } from "../../adapters/without-sealed.ts";
import type { AppError } from "../../errors.ts";
import { isCounting, isDialect, isPassed, operations } from "../../wire/dialects/operations.ts";
import { hopsHeader, hopsIn, nextHop } from "../../wire/hops.ts";
import type { Principal } from "../core/access/policy.ts";
import { personalIds } from "../core/access/policy.ts";
import { capabilitiesOf } from "../core/capabilities.ts";
import { MainThreadCall } from "../core/main-thread-call.ts";
import { dearTier } from "../core/service-tiers.ts";
import { isVirtual, type LlmRow, type PersonaRow } from "../core/store/typed-rows.ts";
import type { VirtualLlms } from "../workstations/virtual-llms.ts";
import { answerTaker, remember } from "./answer-taker.ts";
import { AnswerMemory } from "./answers/answer-memory.ts";
import { expandedRequest } from "./answers/expand-request.ts";
import { type SealedMemory, SealedOrigins } from "./answers/sealed-origins.ts";
import { type AttemptProgress, attempt, currentLlm } from "./attempt.ts";
import type { CallContext, InferenceCall, InferenceDeps } from "./call.ts";
import { isOtherModel } from "./capability-reader.ts";
import { counts, estimatedTokens } from "./estimated-tokens.ts";
import { transportFailure } from "./failure.ts";
import { guarded } from "./guarded-call.ts";
import { withContextLimit } from "./known-limits.ts";
import { LearnedQuirks } from "./learned-quirks.ts";
import { HealthBook } from "./llm-health.ts";
import { type Pace, systemPace } from "./pace.ts";
import { errorOfPersona, llmsOfPersona } from "./personas/persona.ts";
import { CoolDown } from "./pools/cool-down.ts";
import { byFit } from "./pools/fit.ts";
import { resolveNamed } from "./pools/nearest-model.ts";
import { inOrder, type MemberState } from "./pools/order.ts";
import { CallQueues, queueLimitsOf } from "./pools/queue.ts";
import { isHibernating } from "./pools/resolve.ts";
import { type ProbeResult, Probes } from "./probes.ts";
import { BackgroundUsage } from "./provider-state/background-usage.ts";
import { keptTokens } from "./provider-state/kept-answer.ts";
import { placedRequest } from "./provider-state/placed-request.ts";
import { ProviderObjects } from "./provider-state/provider-objects.ts";
import { StateCalls } from "./provider-state/state-calls.ts";
import type { StateCall } from "./provider-state/state-routes.ts";
import { CallRecord } from "./record.ts";
import { changedRequest, choicesOf, maxTokensOf, nameIn, type ParsedRequest } from "./request.ts";
import { promptTokensOf } from "./request-tokens.ts";
import { classifyFailure, type FailedAttempt, type NextAttempt, nextAttempt } from "./retry.ts";
import { responseWhileWaking } from "./waking.ts";

/** Answers calls of models: finds the llms, checks rights and limits, sends the call, tries again, and records it. */
export class Inference {
  readonly #deps: InferenceDeps;
  readonly #pace: Pace;
  readonly #coolDown: CoolDown;
  readonly #queues: CallQueues;
  readonly #learned: LearnedQuirks;
  readonly #health: HealthBook;
  readonly #answers: AnswerMemory;
  readonly #sealed: SealedMemory;
  readonly #objects: ProviderObjects;
  readonly #background: BackgroundUsage;
  readonly #stateCalls: StateCalls;
  readonly #probes: Probes;

  constructor(deps: InferenceDeps) {
    this.#deps = deps;
    this.#pace = deps.pace ?? systemPace;
    this.#coolDown = new CoolDown(this.#pace.elapsed);
    this.#queues = new CallQueues(deps.deadlines, this.#pace.elapsed);
    this.#learned = new LearnedQuirks(deps.catalogue.snapshot.volatile.learned, this.#pace.elapsed);
    this.#health = new HealthBook(deps.catalogue.snapshot.volatile.llmHealth, deps.now);
    this.#answers = new AnswerMemory(this.#pace.elapsed);
    this.#sealed = deps.sealed ?? new SealedOrigins(this.#pace.elapsed);
    this.#objects = new ProviderObjects(deps.catalogue.store, deps.now);
    this.#background = new BackgroundUsage(deps.audit, this.#objects, deps.now, this.#pace.elapsed);
    this.#stateCalls = new StateCalls(deps, this.#objects, this.#background, this.#learned);
    this.#probes = new Probes(deps, this.#health);
    deps.metrics.waiting(() => this.#queues.waiting);
    const { catalogue, metrics } = deps;
    metrics.publicNow(({ id }) => isPublic(catalogue.snapshot.byId.get(id)));
    // If the changes are too many to be listed, some unused entries stay.
    deps.catalogue.subscribe((changes) => {
      for (const { kind, before, after } of changes ?? []) {
        if (kind !== "llm" || !before) continue;
        this.#coolDown.forget(before.id);
        this.#learned.forget(before.id);
        this.#health.forget(before.id);
        if (isOtherModel(before, after)) catalogue.snapshot.volatile.capabilities.delete(before.id);
        if (!after) this.#queues.forget(before.id);
      }
      const closed = changes?.some(
        ({ kind, before, after }) => kind === "llm" && isPublic(before) && !isPublic(after),
      );
      if (closed !== false) metrics.keepOnly((name) => isPublic(catalogue.snapshot.named("llm", name)));
    });
  }

  /** Answers a call. Throws AppError after the audit event of the call is committed. */
  async call(call: InferenceCall): Promise<Response> {
    const facts = {
      requestId: call.requestId,
      principal: call.principal,
      dialect: call.operation,
      streaming: false,
    };
    const { audit, metrics, now, tracer } = this.#deps;
    const trial = audit.assertWorks();
    if (trial) await trial;
    const span = tracer?.start({ ...facts, headers: call.httpRequest.headers });
    const record = new CallRecord(facts, audit, metrics, this.#health, now, span);
    const { body } = call;
    const visibleError = this.#visibleErrors(record, call.principal);
    try {
      const hops = nextHop(hopsIn(call.httpRequest.headers.get(hopsHeader)));
      const named = call.name === undefined ? undefined : this.#resolve(call, record, call.name);
      const reading = call.read((model) => record.asks(model));
      const sent = reading instanceof Promise ? await reading : reading;
      if (body?.holds) {
        body.keep();
        record.whenOver(() => body.release());
      }
      const able = named ?? this.#resolve(call, record, nameIn(sent), sent.persona);
      if (this.#deps.isForMainThread?.(able, sent.body)) throw new MainThreadCall();
      call.httpRequest.staysHere?.();
      const { request, candidates } =
        operations[call.operation].dialect === "responses"
          ? await placedRequest(sent, able, personalIds(call.principal).id, this.#objects, this.#answers)
          : { request: sent, candidates: able };
      record.facts.streaming =
        request.body["stream"] === true && (isDialect(call.operation) || isPassed(call.operation));
      const { operation } = call;
      if (isCounting(operation)) {
        if (!candidates.some((llm) => counts(llm, operation)))
          return await estimatedTokens(candidates[0]!, request, operation, record);
        // It reaches a provider, and so is one of the requests of a minute. It costs no tokens.
        const admission = this.#deps.limits.admit(call.principal, candidates, 0, 0);
        record.admission = admission instanceof Promise ? await admission : admission;
      } else {
        const { body } = request;
        record.keptTokens = keptTokens(request, call.principal, this.#objects);
        if (isPassed(call.operation)) record.askedUnits = requestedUnits(call.operation, request);
        const admission = this.#deps.limits.admit(
          call.principal,
          candidates,
          promptTokensOf(request) + record.keptTokens,
          maxTokensOf(call.operation, body),
          choicesOf(body),
          { ...record.askedUnits, tier: dearTier(body) },
        );
        record.admission = admission instanceof Promise ? await admission : admission;
      }
      const guard = guarded(this.#deps, call);
      const context = {
        call: guard.call,
        record,
        request,
        candidates,
        hops,
        snapshot: this.#deps.catalogue.snapshot,
        learned: this.#learned,
        objects: this.#objects,
        background: this.#background,
        onAnswer: answerTaker(this.#sealed, this.#answers, call, request),
        visibleError,
      };
      const response = guard.response(this.#try(context));
      if (isCounting(operation))
        return await response.catch((error: AppError) => {
          // Many relays of Anthropic have no such path.
          if (![404, 405, 501].includes(error.status)) throw error;
          return estimatedTokens(candidates[0]!, request, operation, record);
        });
      if (!record.facts.streaming || !candidates.some(isHibernating)) return await response;
      return await responseWhileWaking(response, context, this.#deps);
    } catch (thrown) {
      if (thrown instanceof MainThreadCall) {
        record.drop();
        throw thrown;
      }
      const error = transportFailure(thrown);
      // The caller gets the error even if the log cannot be written.
      await record.close(error.status, undefined, error).catch(() => {});
      throw visibleError(error);
    }
  }

  /** Returns the function that makes errors of a call visible to its caller. A stream keeps it: it holds no request. */
  #visibleErrors({ facts }: CallRecord, principal: Principal): CallContext["visibleError"] {
    return (error) => {
      const { persona, llm } = facts;
      if (!persona) return error;
      return errorOfPersona(error, this.#deps.catalogue.snapshot, principal, persona, llm);
    };
  }

  /** Asks the provider of an llm for its list of models, as `Probes.probe` does. Never throws. */
  probe(llmId: string, showsWords: boolean): Promise<ProbeResult> {
    return this.#probes.probe(llmId, showsWords);
  }

  /** Asks a few providers what their models can do. The work of one run, for a timer. Never throws. */
  refreshCapabilities(): Promise<void> {
    return this.#probes.refreshCapabilities();
  }

  /** Answers a call about what a provider keeps. Throws AppError after the audit event of the call is committed. */
  stateCall(call: StateCall): Promise<Response> {
    return this.#stateCalls.call(call);
  }

  /** Waits for the answers that ran in the background when the server was stopped. Throws AppError. */
  loadBackground(): Promise<void> {
    return this.#stateCalls.loadBackground();
  }

  /** Books the usage of answers that have ended in the background. The work of one run, for a timer. Never throws. */
  settleBackground(): Promise<void> {
    return this.#stateCalls.settleBackground();
  }

  /** Returns a responses request with the items to which it refers, as far as they are remembered here. Throws AppError. */
  withEarlierAnswers(request: ParsedRequest, principalId: string): ParsedRequest {
    const { previous_response_id: previous } = request.body;
    const keepsPrevious = typeof previous === "string" && !this.#answers.answer(principalId, previous);
    return expandedRequest(request, principalId, this.#answers, { keepsPrevious });
  }

  /** Remembers an answer to a responses request, to which later requests can refer. */
  rememberAnswer(principalId: string, request: ParsedRequest, answer: ResponsesAnswer): void {
    remember(this.#answers, principalId, request, answer);
  }

  /**
   * Tries the candidates until one begins to answer, or no further attempt is allowed. Reasoning in the history that no
   * candidate can read, because another account sealed it, is then removed, so that the conversation can go on (case 98).
   *
   * @param isReadable true if it has been removed
   * @throws AppError
   */
  async #try(context: CallContext, isReadable = false): Promise<Response> {
    const candidates = this.#inOrder(context);
    const { requestId, httpRequest } = context.call;
    const startedAt = this.#pace.elapsed();
    const history: FailedAttempt[] = [];
    let error: AppError | undefined;
    let next: NextAttempt | undefined = { member: 0, wait: 0 };
    while (next) {
      const { member, wait }: NextAttempt = next;
      const progress: AttemptProgress = { status: undefined };
      let llm = candidates[member]!;
      try {
        if (wait > 0) {
          await this.#pace.wait(wait, httpRequest.signal);
          llm = candidates[member] = currentLlm(this.#deps, context, llm);
        }
        if (error) this.#deps.metrics.retried(llm, context.call.operation);
        context.record.attemptBegins();
        const response = await attempt(this.#deps, this.#queues.of(llm), context, llm, progress);
        this.#coolDown.succeeded(llm.id);
        return response;
      } catch (thrown) {
        const known = capabilitiesOf(context.snapshot, llm);
        const failure = withContextLimit(transportFailure(thrown), known, context.request);
        context.record.attemptFailed(llm, progress.status, failure);
        const { retry, isHealthy, cannotConnect } = classifyFailure(thrown, progress.status);
        if (isHealthy === undefined) this.#coolDown.undecided(llm.id, requestId);
        else if (isHealthy) this.#coolDown.succeeded(llm.id);
        else this.#coolDown.failed(llm.id, failure.retryAfter, cannotConnect);
        // A member that has no such operation matters less than the failure of another member.
        if (retry === "never" || failure.code !== "invalid_request") error = failure;
        error ??= failure;
        history.push({ member, retry, at: this.#pace.elapsed(), retryAfter: failure.retryAfter });
        next = nextAttempt(candidates.length, history, startedAt, this.#pace.random);
      }
    }
    const readable = isReadable ? undefined : withReadableHistory(context, error!);
    if (readable) return this.#try(readable, true);
    throw error;
  }

  /** The llms of a pool in the order in which they are tried. The one that can read sealed reasoning goes first. */
  #inOrder({ call: { requestId, operation }, request, candidates, snapshot }: CallContext): LlmRow[] {
    if (candidates.length === 1) return [candidates[0]!];
    const { first: members, last } = byFit(snapshot, candidates, operation, request);
    if (members.length === 1) return [...members, ...last];
    const origin = this.#sealed.originOf(request.body);
    const isFull = (llm: LlmRow) => this.#queues.of(llm).inFlight >= queueLimitsOf(llm).maxConcurrent;
    const { virtualLlms } = this.#deps;
    const probed = members.find((llm) => !isFull(llm) && this.#coolDown.claimProbe(llm.id, requestId));
    const stateOf = (llm: LlmRow) => ({
      inFlight: this.#queues.of(llm).inFlight,
      isFull: isFull(llm),
      isCoolingDown: this.#coolDown.isCoolingDown(llm.id),
      ...(virtualLlms && isVirtual(llm) && { atAgent: stateAtAgent(llm, virtualLlms) }),
    });
    const order = inOrder(
      members.filter((llm) => llm !== probed),
      stateOf,
      this.#pace.random,
    );
    const all = probed ? [probed, ...order] : order;
    const reader = all.find(({ id }) => id === origin && !this.#coolDown.isCoolingDown(id));
    return reader ? [reader, ...all.filter((llm) => llm !== reader), ...last] : [...all, ...last];
  }

  #resolve(
    { principal }: InferenceCall,
    record: CallRecord,
    name: string,
    persona?: PersonaRow,
  ): readonly LlmRow[] {
    const { snapshot } = this.#deps.catalogue;
    record.asks(name);
    if (persona) record.facts.persona = persona;
    const llms = persona ? llmsOfPersona(snapshot, persona) : resolveNamed(snapshot, principal, name);
    if (llms.length === 1 && llms[0]!.name === name) record.facts.llm = llms[0]!;
    else record.facts.pool = name;
    return llms;
  }
}

/** Returns a call without the sealed reasoning for which it was refused; undefined if it was refused for something else. */
function withReadableHistory(context: CallContext, error: AppError): CallContext | undefined {
  const { call, request } = context;
  if (error.provider?.meaning?.is !== "sealed_elsewhere" || !isDialect(call.operation)) return undefined;
  const changes = withoutSealed(call.operation, request.body);
  if (Object.keys(changes).length === 0) return undefined;
  return { ...context, request: changedRequest(request, changes) };
}

function isPublic(row: Pick<LlmRow, "visibility"> | undefined): boolean {
  return row !== undefined && row.visibility !== "private";
}

function stateAtAgent(llm: LlmRow, virtualLlms: VirtualLlms): NonNullable<MemberState["atAgent"]> {
  if (isHibernating(llm)) return virtualLlms.wakingFor(llm) === undefined ? "hibernating" : "waking";
  if (virtualLlms.inFlight(llm) > 0) return "busy";
  return virtualLlms.isResident(llm) ? "resident" : "cold";
}
