import { requestedUnits } from "../../adapters/passthrough/billed-units.ts";
import type { ResponsesAnswer } from "../../adapters/types.ts";
import type { AppError } from "../../errors.ts";
import {
  type CountingOperation,
  isCounting,
  isDialect,
  isPassed,
  operations,
} from "../../wire/dialects/operations.ts";
import { hopsHeader, hopsIn, nextHop } from "../../wire/hops.ts";
import { personalIds } from "../core/access/policy.ts";
import { MainThreadCall } from "../core/main-thread-call.ts";
import { dearTier } from "../core/service-tiers.ts";
import type { LlmRow, PersonaRow } from "../core/store/typed-rows.ts";
import { answerTaker, remember } from "./answer-taker.ts";
import { AnswerMemory } from "./answers/answer-memory.ts";
import { expandedRequest } from "./answers/expand-request.ts";
import { type SealedMemory, SealedOrigins } from "./answers/sealed-origins.ts";
import { Attempts } from "./attempts.ts";
import type { CallContext, InferenceCall, InferenceDeps } from "./call.ts";
import { CallGuard } from "./call-guard.ts";
import { isOtherModel } from "./capability-reader.ts";
import { counts, estimatedTokens } from "./estimated-tokens.ts";
import { transportFailure } from "./failure.ts";
import { LearnedQuirks } from "./learned-quirks.ts";
import type { Admission } from "./limits/limiter.ts";
import { HealthBook } from "./llm-health.ts";
import { type Pace, systemPace } from "./pace.ts";
import { errorOfPersona, llmsOfPersona } from "./personas/persona.ts";
import { CoolDown } from "./pools/cool-down.ts";
import { resolveNamed } from "./pools/nearest-model.ts";
import { CallQueues } from "./pools/queue.ts";
import { isHibernating } from "./pools/resolve.ts";
import { type ProbeResult, Probes } from "./probes.ts";
import { BackgroundUsage } from "./provider-state/background-usage.ts";
import { keptTokens } from "./provider-state/kept-answer.ts";
import { placedRequest } from "./provider-state/placed-request.ts";
import { ProviderObjects } from "./provider-state/provider-objects.ts";
import { StateCalls } from "./provider-state/state-calls.ts";
import type { StateCall } from "./provider-state/state-routes.ts";
import { type CallFacts, CallRecord } from "./record.ts";
import { choicesOf, maxTokensOf, nameIn, type ParsedRequest } from "./request.ts";
import { tokensOfCall } from "./request-tokens.ts";
import { responseWhileWaking } from "./waking.ts";

const unchanged = (error: AppError) => error;

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
  readonly #attempts: Attempts;

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
    this.#attempts = new Attempts({
      deps,
      pace: this.#pace,
      queues: this.#queues,
      coolDown: this.#coolDown,
      sealed: this.#sealed,
      onGivenUp: (context, error) => this.#onGivenUp(context, error),
    });
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

  /**
   * Answers a call. Most calls wait for nothing but their provider, and so have no other promise; whatever else one waits for
   * goes on by `#after`. Throws AppError after the audit event of the call is committed.
   */
  call(call: InferenceCall): Promise<Response> {
    const trial = this.#deps.audit.assertWorks();
    return trial ? trial.then(() => this.#begin(call)) : this.#begin(call);
  }

  #begin(call: InferenceCall): Promise<Response> {
    const { audit, metrics, now, tracer } = this.#deps;
    const { headers } = call.httpRequest;
    const facts: CallFacts = {
      requestId: call.requestId,
      principal: call.principal,
      dialect: call.operation,
      llm: undefined,
      persona: undefined,
      pool: undefined,
      model: undefined,
      streaming: false,
    };
    const span = tracer?.start({ ...facts, headers });
    const record = new CallRecord(facts, audit, metrics, this.#health, now, span);
    try {
      const hops = nextHop(hopsIn(headers.get(hopsHeader)));
      const named = call.name === undefined ? undefined : this.#resolve(call, record, call.name);
      const sent = call.read(record);
      return sent instanceof Promise
        ? this.#after(record, sent, (request) => this.#read(call, record, hops, request, named))
        : this.#read(call, record, hops, sent, named);
    } catch (thrown) {
      return this.#refuse(record, thrown);
    }
  }

  /** Goes on with a call when something is there that it waits for. */
  async #after<T>(
    record: CallRecord,
    awaited: Promise<T>,
    goOn: (value: T) => Promise<Response>,
  ): Promise<Response> {
    try {
      const value = await awaited;
      // Its own failures are recorded already.
      return goOn(value);
    } catch (thrown) {
      return this.#refuse(record, thrown);
    }
  }

  /** Goes on with a call whose body has been read. Throws AppError. */
  #read(
    call: InferenceCall,
    record: CallRecord,
    hops: number,
    request: ParsedRequest,
    named: readonly LlmRow[] | undefined,
  ): Promise<Response> {
    const { operation, body } = call;
    if (body?.holds) keepBody(body, record);
    const candidates = named ?? this.#resolve(call, record, nameIn(request), request.persona);
    if (this.#deps.isForMainThread?.(candidates, request.body)) throw new MainThreadCall();
    call.httpRequest.staysHere?.();
    return operations[operation].dialect === "responses"
      ? this.#place(call, record, hops, request, candidates)
      : this.#send(call, record, hops, request, candidates);
  }

  #place(
    call: InferenceCall,
    record: CallRecord,
    hops: number,
    request: ParsedRequest,
    candidates: readonly LlmRow[],
  ): Promise<Response> {
    const owner = personalIds(call.principal).id;
    const placed = placedRequest(request, candidates, owner, this.#objects, this.#answers);
    return this.#after(record, placed, (found) =>
      this.#send(call, record, hops, found.request, found.candidates),
    );
  }

  /** Sends a call to the llms that can answer it, within the limits of its caller. Throws AppError. */
  #send(
    call: InferenceCall,
    record: CallRecord,
    hops: number,
    request: ParsedRequest,
    candidates: readonly LlmRow[],
  ): Promise<Response> {
    const { operation, principal } = call;
    const { facts } = record;
    facts.streaming = request.body["stream"] === true && (isDialect(operation) || isPassed(operation));
    if (isCounting(operation) && !isCounted(candidates, operation))
      return this.#estimate(record, request, candidates, operation);
    const context: CallContext = {
      call,
      signal: new CallGuard(this.#deps, principal),
      record,
      request,
      candidates,
      hops,
      snapshot: this.#deps.catalogue.snapshot,
      learned: this.#learned,
      objects: this.#objects,
      background: this.#background,
      onAnswer: answerTaker(this.#sealed, this.#answers, call, request),
      visibleError: facts.persona ? this.#visibleErrors(facts) : unchanged,
      order: candidates,
      startedAt: 0,
      failures: undefined,
      isReadable: false,
    };
    const admission = this.#admit(call, record, request, candidates);
    if (admission instanceof Promise)
      return this.#after(record, admission, (admitted) => this.#try(context, admitted));
    return this.#try(context, admission);
  }

  #try(context: CallContext, admission: Admission): Promise<Response> {
    const { call, record, signal, candidates } = context;
    record.admission = admission;
    signal.watch(call.httpRequest);
    const response = this.#attempts.begin(context);
    if (!record.facts.streaming || !candidates.some(isHibernating)) return response;
    return responseWhileWaking(response, context, this.#deps);
  }

  /** Answers a call of which no attempt is left. Throws AppError. */
  #onGivenUp({ call, record, request, candidates }: CallContext, error: AppError): Promise<Response> {
    const { operation } = call;
    // Many relays of Anthropic have no path for a count.
    return isCounting(operation) && [404, 405, 501].includes(error.status)
      ? this.#estimate(record, request, candidates, operation)
      : this.#refuse(record, error);
  }

  async #estimate(
    record: CallRecord,
    request: ParsedRequest,
    candidates: readonly LlmRow[],
    operation: CountingOperation,
  ): Promise<Response> {
    try {
      return await estimatedTokens(candidates[0]!, request, operation, record);
    } catch (thrown) {
      return this.#refuse(record, thrown);
    }
  }

  /** Records that a call has failed. Throws the AppError that its caller gets. */
  async #refuse(record: CallRecord, thrown: unknown): Promise<never> {
    if (thrown instanceof MainThreadCall) {
      record.drop();
      throw thrown;
    }
    const error = transportFailure(thrown);
    // The caller gets the error even if the log cannot be written.
    await record.close(error.status, undefined, error).catch(() => {});
    throw record.facts.persona ? this.#visibleErrors(record.facts)(error) : error;
  }

  /** Admits a call within the limits of its caller. Returns a promise where the answer has to be waited for. Throws AppError. */
  #admit(
    { operation, principal }: InferenceCall,
    record: CallRecord,
    request: ParsedRequest,
    candidates: readonly LlmRow[],
  ): Admission | Promise<Admission> {
    const { limits } = this.#deps;
    // A count reaches a provider, and so is one of the requests of a minute. It costs no tokens.
    if (isCounting(operation)) return limits.admit(principal, candidates, 0, 0);
    const { body } = request;
    record.tokens = tokensOfCall(request);
    record.keptTokens = keptTokens(request, principal, this.#objects);
    if (isPassed(operation)) record.askedUnits = requestedUnits(operation, request);
    const tier = dearTier(body);
    return limits.admit(
      principal,
      candidates,
      record.tokens.all + record.keptTokens,
      maxTokensOf(operation, body),
      choicesOf(body),
      record.askedUnits || tier ? { ...record.askedUnits, tier } : undefined,
    );
  }

  /** Returns the function that makes errors of a persona visible to its caller. A stream keeps it: it holds no request. */
  #visibleErrors(facts: CallFacts): CallContext["visibleError"] {
    return (error) => {
      const { persona, llm, principal } = facts;
      return errorOfPersona(error, this.#deps.catalogue.snapshot, principal, persona!, llm);
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

function isPublic(row: Pick<LlmRow, "visibility"> | undefined): boolean {
  return row !== undefined && row.visibility !== "private";
}

/** True if the provider of one of the llms counts tokens itself. */
function isCounted(candidates: readonly LlmRow[], operation: CountingOperation): boolean {
  return candidates.some((llm) => counts(llm, operation));
}

/** Keeps the memory of a large body until its call is over. */
function keepBody(body: NonNullable<InferenceCall["body"]>, record: CallRecord): void {
  body.keep();
  record.whenOver(() => body.release());
}
