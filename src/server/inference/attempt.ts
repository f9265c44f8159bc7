import type { EndSignal } from "../../end-signal.ts";
import { AppError } from "../../errors.ts";
import { HttpFailure } from "../../net/http1/http-failure.ts";
import { uncompressed } from "../../net/inflated-response.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { isDialect, isPassed } from "../../wire/dialects/operations.ts";
import { largeText, nextTurn } from "../../wire/next-turn.ts";
import { joinInTurns } from "../../wire/pieces.ts";
import { isStillValid, principalAt } from "../core/access/principals.ts";
import { dearTier } from "../core/service-tiers.ts";
import { isVirtual, type LlmRow } from "../core/store/typed-rows.ts";
import { wholeResponse } from "../core/whole-response.ts";
import type { Span } from "../observability/traces.ts";
import type { VirtualLlms } from "../workstations/virtual-llms.ts";
import type { CallContext, InferenceDeps } from "./call.ts";
import { endReason } from "./end-reason.ts";
import { sentForm, sentRequest } from "./estimated-usage.ts";
import { transportFailure } from "./failure.ts";
import { heldResponse } from "./held-response.ts";
import { isWholeJson } from "./passed-answer.ts";
import { findPersona, llmsOfPersona } from "./personas/persona.ts";
import { type CallQueue, QueuePlace, queueLimitsOf } from "./pools/queue.ts";
import { isHibernating, resolve } from "./pools/resolve.ts";
import { type PreparedCall, prepare } from "./prepared-call.ts";
import { keyOf } from "./provider.ts";
import { isSuccess, refusalOf } from "./provider-response.ts";
import type { CallRecord } from "./record.ts";
import { charactersOf, completeLarge, forwardedHeaders, maxTokensOf, noHeaders } from "./request.ts";
import { givenTokens } from "./request-tokens.ts";
import { streamedAnswer } from "./streamed-answer.ts";
import { bodyFor, readWhole, usageIn } from "./whole-body.ts";

/** Takes what becomes of an attempt. */
export interface AttemptOutcome {
  /** The llm has answered, or begun to. */
  succeeded(context: CallContext, llm: LlmRow): void;
  /** Answers the call in another way. Throws AppError. */
  failed(context: CallContext, llm: LlmRow, thrown: unknown): Promise<Response>;
}

/**
 * Sends a call to one llm, after its turn in the llm's queue has come. Most calls need one attempt, so whatever follows a
 * failed one is found out by `outcome`, without another function that waits. Throws what `outcome.failed` throws.
 */
export async function attempt(
  deps: InferenceDeps,
  queue: CallQueue,
  context: CallContext,
  llm: LlmRow,
  outcome: AttemptOutcome,
): Promise<Response> {
  const { signal, record } = context;
  const { operation, principal, httpRequest } = context.call;
  let place: QueuePlace | undefined;
  try {
    const first = prepare(context, llm);
    let prepared = first instanceof Promise ? await first : first;
    const turn = queue.enter(queueLimitsOf(llm), principal.userId, signal);
    if (turn) await turn;
    place = new QueuePlace(queue);
    if (isHibernating(llm)) await virtualLlmsOf(deps).wake(llm, signal);
    if (turn || isHibernating(llm)) prepared = await prepare(context, currentLlm(deps, context, llm));
    const { adapter } = prepared.provider;
    const held = keyOf(prepared.llm, deps.secrets);
    const key = held instanceof Promise ? await held : held;
    let response = uncompressed(await send(deps, context, prepared, key));
    record.phases.head();
    let refusal = isSuccess(response) ? undefined : await refusalOf(response, adapter, key);
    if (learn(context, prepared, response, refusal)) {
      response.cancel();
      prepared = await prepare(context, prepared.llm);
      response = uncompressed(await send(deps, context, prepared, key));
      record.phases.head();
      refusal = isSuccess(response) ? undefined : await refusalOf(response, adapter, key);
    }
    record.providerStatus = response.status;
    if (refusal) throw refusal;
    const isWhole = isPassed(operation)
      ? isWholeJson(response, record.facts.streaming)
      : !isDialect(operation) || !record.facts.streaming;
    const small = isWhole ? response.takeOnePart?.(largeText) : undefined;
    let answer: Response;
    if (small) {
      place.leave();
      const read = readWhole(small, context, prepared, key);
      const whole = read instanceof Promise ? await read : read;
      await record.close(200, usageIn(whole, operation));
      const given = bodyFor(whole, response, context, prepared, key);
      const [body, rest] = given instanceof Promise ? await given : given;
      answer = wholeResponse(body, rest, httpRequest);
    } else if (isWhole) answer = await largeResponse(deps, context, prepared, response, key, place);
    else answer = await streamedAnswer(deps, context, prepared, response, key, place);
    outcome.succeeded(context, llm);
    return answer;
  } catch (error) {
    if (place) hasFailed(record, place, error);
    return outcome.failed(context, llm, error);
  }
}

/** Reads an answer that is large, or has not come whole yet, and makes a response of it. */
function largeResponse(
  { answers }: InferenceDeps,
  context: CallContext,
  prepared: PreparedCall,
  response: ProviderResponse,
  key: string | undefined,
  place: QueuePlace,
): Promise<Response> {
  return heldResponse(response, answers, context, isDialect(prepared.operation), async (bytes) => {
    place.leave();
    const whole = await readWhole(bytes, context, prepared, key);
    await context.record.close(200, usageIn(whole, prepared.operation));
    return bodyFor(whole, response, context, prepared, key);
  });
}

/** Notes that an attempt has failed which had its turn. */
function hasFailed(record: CallRecord, place: QueuePlace, error: unknown): void {
  place.leave();
  // An error in a stream, or in a response with status 200, may name a status of its own; 502 stands for none.
  if (error instanceof AppError && error.provider && error.status !== 502)
    record.providerStatus = error.status;
  // A refused attempt used no tokens. If the caller left, the provider had begun.
  if (transportFailure(error).code !== "client_closed_request") record.attemptLost(mayHaveWorked(error));
}

/** True for a failure after which a provider bills what it has read: it was too slow, or said too much (T297). */
function mayHaveWorked(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : error;
  if (cause instanceof HttpFailure) return cause.kind === "too-large" || cause.kind === "timeout";
  return error instanceof AppError && error.code === "provider_timeout";
}

/** Learns from the provider's response. Returns true if the call must be sent once more, in another form. */
function learn(
  { call: { operation }, learned, record, request: { body } }: CallContext,
  { llm, translation, providerRequest: { text, stripUsage }, quirks }: PreparedCall,
  response: ProviderResponse,
  refusal: AppError | undefined,
): boolean {
  if (!refusal && operation !== "responses") return false;
  // Few providers have these paths. That one is missing says nothing about other calls.
  if (isPassed(operation)) return false;
  const isTranslated = translation !== undefined;
  const atProvider = translation?.provider ?? operation;
  const isRenamed = body["model"] !== record.facts.model;
  const request = { llm, operation: atProvider, text, isTranslated, isRenamed, stripUsage, quirks };
  return refusal ? learned.learn(refusal, request) : learned.learnFromHead(response.headers, request);
}

/** Sends a call, whose large request is completed before. Resolves with the head of the response. */
function send(
  deps: InferenceDeps,
  context: CallContext,
  prepared: PreparedCall,
  key: string | undefined,
): Promise<ProviderResponse> {
  const { providerRequest, request } = prepared;
  if (providerRequest.text.length <= largeText && !request.long)
    return begin(deps, context, prepared, key, providerRequest.text);
  return sendLarge(deps, context, prepared, key);
}

/** Sends a call whose request is large, or has long texts that were cut out. */
async function sendLarge(
  deps: InferenceDeps,
  context: CallContext,
  prepared: PreparedCall,
  key: string | undefined,
): Promise<ProviderResponse> {
  const { llm, provider, providerRequest, request } = prepared;
  if (providerRequest.text.length > largeText) await completeLarge(providerRequest);
  const { text } = providerRequest;
  if (!request.long) return begin(deps, context, prepared, key, text);
  const takesText = isVirtual(llm) || provider.adapter.isCommand;
  const parts = await request.long.parts(text);
  await nextTurn();
  const body = takesText ? (await joinInTurns(parts)).toString() : parts;
  return begin(deps, context, prepared, key, body);
}

/**
 * Sends a call to a workstation agent, a command or a provider, whichever the llm has.
 *
 * @param body the whole body: a text for an agent or a command
 */
function begin(
  deps: InferenceDeps,
  { call, signal, record, hops }: CallContext,
  prepared: PreparedCall,
  key: string | undefined,
  body: string | readonly Uint8Array[],
): Promise<ProviderResponse> {
  const { operation, llm, translation, providerRequest, request } = prepared;
  const { adapter, timeouts, url } = prepared.provider;
  const { headers } = call.httpRequest;
  const { form } = providerRequest;
  record.phases.sent();
  const tier = dearTier(request.body);
  record.sent = form
    ? sentForm(charactersOf(request))
    : sentRequest(
        { text: providerRequest.text, body: request.body, long: request.long },
        maxTokensOf(call.operation, request.body),
        isDialect(call.operation) ? 0 : givenTokens(request.body),
        // With another model and a few other fields it has as many tokens.
        translation ? undefined : record.tokens,
      );
  record.sent.promptTokens += record.keptTokens;
  if (tier) record.sent.tier = tier;
  if (isVirtual(llm)) {
    return virtualLlmsOf(deps).infer({
      llm,
      operation: translation?.provider ?? operation,
      text: body as string,
      streaming: record.facts.streaming,
      timeouts,
      signal,
      hops,
    });
  }
  if (adapter.isCommand) return runCommand(deps, prepared, body as string, key, signal);
  return deps.outbound(url(providerRequest.path, prepared.quirks), {
    method: "POST",
    headers: headersOf(prepared, key, hops, forwardedHeaders(headers, operation, adapter), record.span),
    body: form?.parts ?? body,
    timeouts,
    signal,
  });
}

/** Returns the headers of a request to a provider. */
function headersOf(
  { provider, providerRequest: { form } }: PreparedCall,
  key: string | undefined,
  hops: number,
  forwarded: Readonly<Record<string, string>>,
  span: Span | undefined,
): Readonly<Record<string, string>> {
  const usual = provider.jsonHeaders(key, hops);
  if (forwarded === noHeaders && !span && !form) return usual;
  return {
    ...usual,
    ...forwarded,
    ...span?.headers,
    ...(form && { "content-type": form.contentType }),
  };
}

function virtualLlmsOf({ virtualLlms }: InferenceDeps): VirtualLlms {
  if (!virtualLlms) throw new AppError("not_supported", "this server takes no agents");
  return virtualLlms;
}

function runCommand(
  { gemini }: InferenceDeps,
  { provider, llm }: PreparedCall,
  text: string,
  apiKey: string | undefined,
  signal: EndSignal,
): Promise<ProviderResponse> {
  if (!gemini) throw new AppError("not_supported", "this server runs no commands");
  const body = JSON.parse(text);
  return gemini.run({
    body,
    model: llm.spec.model,
    apiKey,
    timeouts: provider.timeouts,
    signal,
  });
}

/** Returns the llm as it is now, after a wait. Throws AppError if the caller may no longer run it. */
export function currentLlm(deps: InferenceDeps, { call, request }: CallContext, llm: LlmRow): LlmRow {
  const { snapshot } = deps.catalogue;
  if (!isStillValid(snapshot, call.principal, deps.now())) throw endReason(deps, call.principal);
  const principal = principalAt(snapshot, call.principal);
  const candidates = request.persona
    ? llmsOfPersona(snapshot, findPersona(snapshot, principal, request.persona.id))
    : resolve(snapshot, principal, llm.name);
  const current = candidates.find(({ id }) => id === llm.id);
  if (current) return current;
  throw new AppError("unavailable", `llm "${llm.name}" has changed`, { retryAfter: 1 });
}
