import { randomUUID } from "node:crypto";
import type { AppError } from "../../../../errors.ts";
import { isDialect, type Operation, operations } from "../../../../wire/dialects/operations.ts";
import { hopsHeader } from "../../../../wire/hops.ts";
import type { CallRequest } from "../../../../wire/incoming-request.ts";
import { type Principal, personalIds } from "../../../core/access/policy.ts";
import { principalAt } from "../../../core/access/principals.ts";
import type { AskChain } from "../../../core/ask-chain.ts";
import { capabilitiesOf } from "../../../core/capabilities.ts";
import { GrowingMemory } from "../../../core/growing-memory.ts";
import type { PersonaRow } from "../../../core/store/typed-rows.ts";
import { AnswerMemory } from "../../answers/answer-memory.ts";
import type { InferenceDeps } from "../../call.ts";
import { endReason } from "../../end-reason.ts";
import { transportFailure } from "../../failure.ts";
import type { Inference } from "../../inference.ts";
import { conversationOf } from "../../provider-state/placed-request.ts";
import { changedRequest, type ParsedRequest } from "../../request.ts";
import { findPersona, llmsOfPersona } from "../persona.ts";
import { toolDialects } from "./dialects/index.ts";
import { ModelTools } from "./model-tools.ts";
import type { ProjectTools } from "./offered-tools.ts";
import { ResultBudget } from "./result-budget.ts";
import { ToolLoop } from "./tool-loop.ts";

/** Many clients send back only what they know: their own calls, without those that the server made before. */
const keptLimits = { bytes: 32 * 1024 * 1024, ownerBytes: 2 * 1024 * 1024, ownerAnswers: 500 };

/** The least characters of an id that no other answer has. Some servers of models number calls: `call_0`. */
const uniqueId = 9;

export interface ToolCallsDeps
  extends Pick<InferenceDeps, "catalogue" | "streams" | "deadlines" | "answers" | "now"> {
  inference: Inference;
  tools: ProjectTools;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
}

/** One call of a persona. */
export interface PersonaCall {
  operation: Operation;
  principal: Principal;
  requestId: string;
  httpRequest: CallRequest;
  /** The personas that have asked each other so far. */
  chain: AskChain;
  /** Names or patterns of the tools that the caller allows; all if undefined. */
  allow: readonly string[] | undefined;
  /** Called before the last bytes of a streamed answer are sent. */
  onLastBytes(): void;
  /** Called before each round of tools with their names. */
  onTools?(names: readonly string[]): void;
}

/** A request of a persona with the tools of its project. */
export interface RequestWithTools {
  request: ParsedRequest;
  /** Answers the call; undefined if there are no tools, or the operation answers nothing. */
  loop?: ToolLoop;
}

/** Lets personas use the tools of their projects. */
export class ToolCalls {
  readonly #deps: ToolCallsDeps;

  /** Calls of answers that ended in a call of the caller's own tool, by the id of that call. */
  readonly #kept: AnswerMemory;

  constructor(deps: ToolCallsDeps) {
    this.#deps = deps;
    this.#kept = new AnswerMemory(deps.elapsed, keptLimits);
  }

  /**
   * Returns the request of a persona with the tools of its project.
   *
   * @param sent the caller's request, with the prompt of the persona
   * @throws AppError `forbidden` if the caller may not use the project, `invalid_request` if the request cannot have tools
   */
  begin(call: PersonaCall, sent: ParsedRequest): RequestWithTools {
    const { persona } = sent;
    if (!persona) return { request: sent };
    const open = this.#deps.tools.open({ ...call, persona, hops: call.httpRequest.headers.get(hopsHeader) });
    if (!open) return { request: sent };
    const { dialect } = operations[call.operation];
    const rules = toolDialects[dialect];
    rules.checkRequest(sent.body);
    const { inference, deadlines, answers } = this.#deps;
    const isResponses = call.operation === "responses";
    const whole = isResponses ? inference.withEarlierAnswers(sent, personalIds(call.principal).id) : sent;
    const tools = new ModelTools(open, rules.ownNames(whole.body), hasTools(whole.body));
    const owner = `${personalIds(call.principal).id} ${persona.id}`;
    const restored = rules.restored(whole.body, (id) => this.#keptCalls(owner, id));
    const body = { ...whole.body, ...restored };
    const request = changedRequest(whole, { ...restored, ...rules.prepared(body, tools) });
    if (!isDialect(call.operation)) return { request };
    // A conversation that the provider keeps goes on by the provider's own id.
    const isKept = typeof request.body["previous_response_id"] === "string" || conversationOf(request.body);
    const answerId = isResponses && !isKept ? `resp_${randomUUID().replaceAll("-", "")}` : undefined;
    const gone = new AbortController();
    call.httpRequest.signal.addEventListener("abort", () => gone.abort(), { once: true });
    const loop = new ToolLoop({
      dialect,
      requestId: call.requestId,
      request,
      body: sent.body,
      open,
      tools,
      budget: new ResultBudget(this.#contextTokens(persona)),
      deadlines,
      memory: new GrowingMemory(answers, call.principal.userId),
      gone,
      answerId,
      infer: (next) => this.#infer(call, persona, next, gone.signal),
      guard: (end) => this.#guard(call.principal, end),
      onComplete: (answer, ownCalls) => {
        const kept = rules.keptOf(answer);
        if (kept.length > 0)
          for (const id of ownCalls.filter(isUnique)) this.#kept.remember(owner, "[]", { id, output: kept });
        if (answerId === undefined || sent.body["store"] === false) return;
        const { output } = answer;
        inference.rememberAnswer(personalIds(call.principal).id, request, {
          id: answerId,
          output: output as unknown[],
        });
      },
      onLastBytes: call.onLastBytes,
      ...(call.onTools && { onTools: call.onTools }),
      publicError: transportFailure,
    });
    return { request, loop };
  }

  /** Calls the model again, with the rights as they are now. */
  #infer(
    { operation, principal, requestId, httpRequest }: PersonaCall,
    { id }: PersonaRow,
    request: ParsedRequest,
    signal: AbortSignal,
  ): Promise<Response> {
    const { inference, catalogue } = this.#deps;
    const { url, headers } = httpRequest;
    return inference.call({
      operation,
      principal,
      requestId,
      httpRequest: new Request(url, { method: "POST", headers: [...headers], signal }),
      onLastBytes() {},
      read: async () => {
        const { snapshot } = catalogue;
        return { ...request, persona: findPersona(snapshot, principalAt(snapshot, principal), id) };
      },
    });
  }

  #keptCalls(owner: string, id: unknown): readonly Record<string, unknown>[] | undefined {
    const kept = typeof id === "string" && isUnique(id) ? this.#kept.answer(owner, id) : undefined;
    return kept?.output as readonly Record<string, unknown>[] | undefined;
  }

  #guard(principal: Principal, end: (error: AppError) => void): () => void {
    return this.#deps.streams.add(principal, () => end(endReason(this.#deps, principal)));
  }

  /** Returns the smallest context of the llms of a persona, as far as it is known. */
  #contextTokens(persona: PersonaRow): number | undefined {
    const { snapshot } = this.#deps.catalogue;
    const known = llmsOfPersona(snapshot, persona).flatMap(
      (llm) => capabilitiesOf(snapshot, llm).contextTokens ?? [],
    );
    return known.length === 0 ? undefined : Math.min(...known);
  }
}

/** True if a request has tools, of whatever kind. */
function hasTools({ tools, functions }: Record<string, unknown>): boolean {
  return [tools, functions].some((list) => Array.isArray(list) && list.length > 0);
}

function isUnique(id: string): boolean {
  return id.length >= uniqueId;
}
