import { countTokens } from "../../adapters/tokens/count-tokens.ts";
import { AppError } from "../../errors.ts";
import { llm as llmKind } from "../../kinds/llm.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { isDialect, modelsPath } from "../../wire/dialects/operations.ts";
import { isOf, isVirtual, type LlmRow, type PersonaRow } from "../core/store/typed-rows.ts";
import type { VirtualLlms } from "../workstations/virtual-llms.ts";
import { asItIs, attempt, type Progress } from "./attempt.ts";
import type { Asked, InferenceCall, InferenceDeps } from "./call.ts";
import { transportFailure } from "./failure.ts";
import { type Pace, systemPace } from "./pace.ts";
import { llmsOfAgent, toldOfAgent } from "./personas/persona.ts";
import { CoolDown } from "./pools/cool-down.ts";
import { inOrder, type Standing } from "./pools/order.ts";
import { CallQueues, queueLimitsOf } from "./pools/queue.ts";
import { isHibernating, resolve } from "./pools/resolve.ts";
import { keyOf, providerOf } from "./provider.ts";
import { refuseFailure } from "./provider-response.ts";
import { CallRecord } from "./record.ts";
import { type CallerRequest, requestedModel } from "./request.ts";
import { type Failed, judge, type Next, nextAttempt } from "./retry.ts";
import { answerWhileWaking } from "./waking.ts";

const probeMilliseconds = 2000;

/** Calls of models: found, allowed, sent, passed back, and in the books. */
export class Inference {
  readonly #deps: InferenceDeps;
  readonly #pace: Pace;
  readonly #coolDown: CoolDown;
  readonly #queues: CallQueues;

  constructor(deps: InferenceDeps) {
    this.#deps = deps;
    this.#pace = deps.pace ?? systemPace;
    this.#coolDown = new CoolDown(this.#pace.elapsed);
    this.#queues = new CallQueues(deps.deadlines, this.#pace.elapsed);
    deps.metrics.waiting(() => this.#queues.waiting);
    // Of what changed too much to be told, a few idle entries stay.
    deps.catalogue.subscribe((changes) => {
      for (const { kind, before, after } of changes ?? []) {
        if (kind !== "llm" || !before) continue;
        this.#coolDown.forget(before.id);
        if (!after) this.#queues.forget(before.id);
      }
    });
  }

  /** Answers a call. Throws AppError, after the call's audit event is committed. */
  async call(call: InferenceCall): Promise<Response> {
    const facts = {
      requestId: call.requestId,
      principal: call.principal,
      dialect: call.operation,
      streaming: false,
    };
    const { audit, metrics, now, tracer } = this.#deps;
    const span = tracer?.start({ ...facts, headers: call.request.headers });
    const record = new CallRecord(facts, audit, metrics, now, span);
    const told = (error: AppError) => {
      const { agent, llm } = record.facts;
      return agent ? toldOfAgent(error, this.#deps.catalogue.snapshot, call.principal, agent, llm) : error;
    };
    try {
      const named = call.name === undefined ? undefined : this.#resolve(call, record, call.name);
      const caller = await call.read();
      const candidates = named ?? this.#resolve(call, record, nameIn(caller), caller.agent);
      record.facts.streaming = caller.body["stream"] === true && isDialect(call.operation);
      if (call.operation === "count_tokens") {
        const canCount = candidates.some((llm) =>
          providerOf(llm).adapter.operations.includes("count_tokens"),
        );
        if (!canCount) return await estimated(candidates[0]!, caller, record);
      } else {
        const most = isDialect(call.operation) ? dialects[call.operation].maxTokens(caller.body) : undefined;
        record.admission = this.#deps.limits.admit(call.principal, candidates, caller.text.length, most);
      }
      const asked = { call, record, caller, candidates, told };
      const tried = this.#try(asked, this.#inOrder(candidates, call.requestId));
      if (!record.facts.streaming || !candidates.some(isHibernating)) return await tried;
      return await answerWhileWaking(tried, asked, this.#deps);
    } catch (thrown) {
      const error = transportFailure(thrown);
      // Told even when the log cannot take it: a failure is not an answer.
      await record.close(error.status, undefined, error).catch(() => {});
      throw told(error);
    }
  }

  /** Asks an llm's provider for its models, to see whether url and key are right. Never throws. */
  async probe(llmId: string): Promise<{ ok: boolean; message: string }> {
    const llm = this.#deps.catalogue.snapshot.byId.get(llmId);
    if (!isOf(llmKind, llm)) return { ok: false, message: "the llm is gone" };
    try {
      const { adapter, url } = providerOf(llm);
      if (adapter.isCommand) return await this.#probeCommand();
      const key = await keyOf(llm, this.#deps.secrets);
      const answer = await this.#deps.outbound(url(modelsPath), {
        method: "GET",
        headers: adapter.headers(key),
        timeouts: { connect: probeMilliseconds, firstByte: probeMilliseconds, silence: probeMilliseconds },
        signal: AbortSignal.timeout(probeMilliseconds),
      });
      await refuseFailure(answer, adapter, key);
      answer.cancel();
      return { ok: true, message: "the provider answers" };
    } catch (thrown) {
      const error = transportFailure(thrown);
      const late = error.code === "client_closed_request" || error.code === "provider_timeout";
      return { ok: false, message: late ? "the provider did not answer within 2 s" : error.message };
    }
  }

  /** Whether the command is there. It may take longer to say so than a person should wait. */
  async #probeCommand(): Promise<{ ok: boolean; message: string }> {
    const { gemini } = this.#deps;
    if (!gemini) return { ok: false, message: "this server runs no commands" };
    try {
      return { ok: true, message: `gemini ${await gemini.version(probeMilliseconds)}` };
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "provider_timeout") throw error;
      return { ok: true, message: "gemini is there, and slow to answer" };
    }
  }

  /** Tries the candidates until one has begun to answer, or there is no use in going on. Throws AppError. */
  async #try(asked: Asked, candidates: LlmRow[]): Promise<Response> {
    const { requestId, request } = asked.call;
    const startedAt = this.#pace.elapsed();
    const history: Failed[] = [];
    let told: AppError | undefined;
    let next: Next | undefined = { member: 0, wait: 0 };
    while (next) {
      const { member, wait }: Next = next;
      const progress: Progress = { answered: undefined };
      let llm = candidates[member]!;
      try {
        if (wait > 0) {
          await this.#pace.wait(wait, request.signal);
          llm = candidates[member] = asItIs(this.#deps, asked, llm);
        }
        if (told) this.#deps.metrics.retried(llm, asked.call.operation);
        const response = await attempt(this.#deps, this.#queues.of(llm), asked, llm, progress);
        this.#coolDown.succeeded(llm.id);
        return response;
      } catch (thrown) {
        const failure = transportFailure(thrown);
        const { again, isWell, cannotConnect } = judge(thrown, progress.answered);
        if (isWell === undefined) this.#coolDown.undecided(llm.id, requestId);
        else if (isWell) this.#coolDown.succeeded(llm.id);
        else this.#coolDown.failed(llm.id, failure.retryAfter, cannotConnect);
        // That one member cannot be asked for it says less than what went wrong at another.
        if (again === "never" || failure.code !== "invalid_request") told = failure;
        told ??= failure;
        history.push({ member, again, at: this.#pace.elapsed(), retryAfter: failure.retryAfter });
        next = nextAttempt(candidates.length, history, startedAt, this.#pace.random);
      }
    }
    throw told;
  }

  /** The llms of a pool in the order in which they are tried. */
  #inOrder(members: LlmRow[], requestId: string): LlmRow[] {
    if (members.length === 1) return members;
    const isFull = (llm: LlmRow) => this.#queues.of(llm).inFlight >= queueLimitsOf(llm).maxConcurrent;
    const { virtualLlms } = this.#deps;
    const probed = members.find((llm) => !isFull(llm) && this.#coolDown.claimProbe(llm.id, requestId));
    const standing = (llm: LlmRow) => ({
      inFlight: this.#queues.of(llm).inFlight,
      isFull: isFull(llm),
      isOut: this.#coolDown.isOut(llm.id),
      ...(virtualLlms && isVirtual(llm) && { agent: atAgent(llm, virtualLlms) }),
    });
    const order = inOrder(
      members.filter((llm) => llm !== probed),
      standing,
      this.#pace.random,
    );
    return probed ? [probed, ...order] : order;
  }

  #resolve({ principal }: InferenceCall, record: CallRecord, name: string, agent?: PersonaRow): LlmRow[] {
    const { snapshot } = this.#deps.catalogue;
    if (agent) record.facts.agent = agent;
    const llms = agent ? llmsOfAgent(snapshot, agent) : resolve(snapshot, principal, name);
    if (llms.length === 1 && llms[0]!.name === name) record.facts.llm = llms[0]!;
    else record.facts.pool = name;
    return llms;
  }
}

/** What a request is for: the llm or pool that its body names, or its persona's llm. Throws AppError. */
function nameIn({ agent, body }: CallerRequest): string {
  return agent ? agent.spec.llm : requestedModel(body);
}

/** How an agent's llm stands among others. */
function atAgent(llm: LlmRow, virtualLlms: VirtualLlms): NonNullable<Standing["agent"]> {
  if (isHibernating(llm)) return virtualLlms.wakingFor(llm) === undefined ? "hibernating" : "waking";
  if (virtualLlms.inFlight(llm) > 0) return "busy";
  return virtualLlms.isResident(llm) ? "resident" : "cold";
}

/** How long a request is, where the provider cannot be asked. */
async function estimated(llm: LlmRow, { body }: CallerRequest, record: CallRecord): Promise<Response> {
  record.facts.llm = llm;
  record.facts.model = llm.spec.model;
  const counted = countTokens(body);
  await record.close(200);
  return Response.json(counted);
}
