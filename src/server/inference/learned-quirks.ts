import { correctionOf, mergedQuirks } from "../../adapters/quirks/correction.ts";
import { historyCorrectionOf } from "../../adapters/quirks/history-correction.ts";
import { thinkingCorrectionOf } from "../../adapters/quirks/thinking-correction.ts";
import type { Quirks } from "../../adapters/quirks/types.ts";
import { AppError } from "../../errors.ts";
import type { HeaderFields } from "../../net/http1/header-lines.ts";
import type { Operation } from "../../wire/dialects/operations.ts";
import { isObject, parsedObject } from "../../wire/json.ts";
import type { LearnedQuirk } from "../core/store/snapshot.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";

/** The time for which a correction is kept, in milliseconds. */
const lifetime = 60 * 60 * 1000;

/** Fields of a translated request that can be left out: added by the server, or without meaning for the answer. */
const removable = [
  ...["stream_options", "user", "metadata", "service_tier", "parallel_tool_calls", "reasoning_effort"],
  ...["prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "safety_identifier", "verbosity"],
  // Of responses. OpenAI gives summaries only to organizations that it has verified.
  "reasoning.summary",
];

/** A request that the provider refused. */
export interface RefusedRequest {
  llm: LlmRow;
  /** The operation at the provider. */
  operation: Operation;
  text: string;
  isTranslated: boolean;
  /** True if the caller has another name for the model. */
  isRenamed: boolean;
  /** The server itself asked for the usage of the stream. */
  stripUsage: boolean;
  quirks: Quirks;
}

/**
 * Quirks that refusals of providers have taught, for an hour each. The call that met one is sent once more, and the next
 * ones are right at once.
 */
export class LearnedQuirks {
  readonly #byLlm: Map<string, LearnedQuirk>;
  readonly #elapsed: () => number;

  /**
   * @param byLlm The quirks by the id of the llm, which `describe` shows.
   * @param elapsed Milliseconds of a monotonic clock.
   */
  constructor(byLlm: Map<string, LearnedQuirk>, elapsed: () => number) {
    this.#byLlm = byLlm;
    this.#elapsed = elapsed;
  }

  /** Returns the quirks with those that were learned about the llm. */
  with(llm: LlmRow, quirks: Quirks): Quirks {
    const learned = this.#byLlm.get(llm.id);
    if (!learned) return quirks;
    if (learned.until > this.#elapsed()) return mergedQuirks(quirks, learned.quirks);
    this.#byLlm.delete(llm.id);
    return quirks;
  }

  /** Forgets an llm that was changed or deleted. */
  forget(llmId: string): void {
    this.#byLlm.delete(llmId);
  }

  /** Learns from a refusal. Returns true if a second try may succeed. */
  learn(error: unknown, request: RefusedRequest): boolean {
    if (!(error instanceof AppError) || !error.provider) return false;
    const correction = missingOperation(error, request) ?? wrongRequest(error, request);
    if (correction) this.#keep(request.llm, correction);
    return correction !== undefined;
  }

  /**
   * Learns from the head of an answer: the responses of llama.cpp ignore the form that was asked for. Returns true if the
   * call must be sent once more, as a translation.
   */
  learnFromHead(headers: HeaderFields, request: RefusedRequest): boolean {
    const { llm, operation, isTranslated, quirks } = request;
    const isNative = operation === "responses" && !isTranslated && llm.spec.responses === undefined;
    if (!isNative || headers.get("server")?.toLowerCase() !== "llama.cpp") return false;
    this.#keep(llm, withoutOperation(quirks, operation));
    return true;
  }

  #keep({ id }: LlmRow, correction: Quirks): void {
    const quirks = mergedQuirks(this.#byLlm.get(id)?.quirks ?? {}, correction);
    this.#byLlm.set(id, { quirks, until: this.#elapsed() + lifetime });
  }
}

/**
 * The provider has no such path: OpenAI's responses, or `/v1` below a base URL with a path. llama.cpp has the path of
 * responses, and fails with 500 for most requests of Codex.
 */
function missingOperation(error: AppError, { llm, operation, isTranslated, quirks }: RefusedRequest) {
  const meaning = error.provider?.meaning;
  // The same 500, with words by which it became a refusal.
  const isFailure = meaning?.is === "unsupported_input";
  const status = isFailure ? 500 : error.status;
  if (![404, 405, 500, 501].includes(status) || (meaning && !isFailure)) return undefined;
  const isByChoice = operation === "responses" && isTranslated && llm.spec.responses === undefined;
  if (isByChoice && status !== 500) return withoutOperation(quirks, operation);
  const isOptional = operation === "responses" && !isTranslated && llm.spec.responses === undefined;
  if (isOptional && !quirks.openaiFields) return withoutOperation(quirks, operation);
  if (status === 500) return undefined;
  const hasPath = URL.canParse(llm.spec.url) && new URL(llm.spec.url).pathname !== "/";
  return status !== 501 && hasPath && quirks.unversioned === undefined ? { unversioned: true } : undefined;
}

function withoutOperation({ takes = [] }: Quirks, operation: Operation): Quirks {
  return { takes: takes.filter((taken) => taken !== operation) };
}

/** Returns a request with the fields of its `reasoning` under their whole names too. */
function withInner(sent: Record<string, unknown>): Record<string, unknown> {
  if (!isObject(sent["reasoning"])) return sent;
  const inner = Object.entries(sent["reasoning"]).map(([name, value]) => [`reasoning.${name}`, value]);
  return { ...sent, ...Object.fromEntries(inner) };
}

function wrongRequest(
  error: AppError,
  { text, operation, isTranslated, isRenamed, stripUsage, quirks }: RefusedRequest,
) {
  const sent = parsedObject(text);
  if (!isObject(sent)) return undefined;
  const own = stripUsage ? ["stream_options"] : operation === "embeddings" ? ["encoding_format"] : [];
  const refusal = {
    status: error.status,
    message: error.message,
    param: error.provider?.fields["param"],
    sent: withInner(sent),
    quirks,
  };
  const earlier = historyCorrectionOf(refusal) ?? thinkingCorrectionOf(refusal);
  if (earlier) return earlier;
  const correction = correctionOf({ ...refusal, removable: isTranslated ? removable : own });
  if (!isTranslated && correction?.maxOutputTokens !== undefined)
    // A caller who names the provider's model has set its limit for that model.
    return isRenamed ? { ...correction, limitsNative: true } : undefined;
  const isKnown = correction?.without?.every((name) => quirks.without?.includes(name));
  return isKnown ? undefined : correction;
}
