import { nativePathFor } from "../../adapters/index.ts";
import { passthroughPipe } from "../../adapters/passthrough/index.ts";
import { translationFor } from "../../adapters/translation/index.ts";
import type { StreamPipe, Translation } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { isDialect, type Operation, operations } from "../../wire/dialects/operations.ts";
import type { Dialect } from "../../wire/dialects/types.ts";
import type { Principal } from "../core/access/policy.ts";
import { principalAt, stillThere } from "../core/access/principals.ts";
import { isVirtual, type LlmRow } from "../core/store/typed-rows.ts";
import type { VirtualLlms } from "../workstations/virtual-llms.ts";
import type { Asked, InferenceDeps } from "./call.ts";
import { findAgent, llmsOfAgent, modelOfAgent } from "./personas/persona.ts";
import { withModel, withModelInFrames } from "./personas/response-model.ts";
import { type CallQueue, queueLimitsOf } from "./pools/queue.ts";
import { isHibernating, resolve } from "./pools/resolve.ts";
import { keyOf, type Provider, providerOf } from "./provider.ts";
import { isEventStream, parseAnswer, refuseFailure } from "./provider-response.ts";
import type { CallRecord } from "./record.ts";
import {
  type CallerRequest,
  forwardedHeaders,
  modelFor,
  type ProviderRequest,
  providerRequest,
} from "./request.ts";
import { openStream, streamHeaders } from "./stream.ts";

const maxAnswerBytes = 64 * 1024 * 1024;

/** A call as it is sent to one llm. */
interface Sent {
  caller: CallerRequest;
  operation: Operation;
  llm: LlmRow;
  provider: Provider;
  /** Undefined where the provider speaks the caller's dialect. */
  translation: Translation | undefined;
  request: ProviderRequest;
}

/** How far a try came. */
export interface Progress {
  /** The provider's status, or that of an error in the first event of its stream. */
  answered: number | undefined;
}

/** Sends a call to one llm, when it is its turn there. Throws AppError, HttpFailure. */
export async function attempt(
  deps: InferenceDeps,
  queue: CallQueue,
  asked: Asked,
  llm: LlmRow,
  progress: Progress,
): Promise<Response> {
  const { operation, principal, request } = asked.call;
  let sent = prepare(asked, llm);
  let pipe: StreamPipe | undefined;
  const turn = queue.enter(queueLimitsOf(llm), principal.userId, request.signal);
  if (turn) await turn;
  let isIn = true;
  const leave = () => {
    if (isIn) queue.leave();
    isIn = false;
  };
  try {
    if (isHibernating(llm)) await wake(deps, asked, llm);
    if (turn || isHibernating(llm)) sent = prepare(asked, asItIs(deps, asked, llm));
    const { adapter, timeouts } = sent.provider;
    const key = await keyOf(sent.llm, deps.secrets);
    const exchange = await send(deps, asked, sent, key);
    progress.answered = exchange.status;
    await refuseFailure(exchange, adapter, key);
    if (!isDialect(operation) || !asked.record.facts.streaming || !isEventStream(exchange))
      return await whole(exchange, asked.record, sent, leave);
    pipe = pipeFor(operation, sent);
    const body = openStream({
      exchange,
      pipe,
      wire: dialects[operation],
      record: asked.record,
      requestId: asked.call.requestId,
      key,
      deadlines: deps.deadlines,
      patience: timeouts.silence,
      guard: (end) => deps.streams.add(principal, () => end(reasonToEnd(deps, principal))),
      leave,
      told: asked.told,
    });
    return new Response(body instanceof Promise ? await body : body, streamHeaders);
  } catch (thrown) {
    leave();
    progress.answered = pipe?.fault?.status ?? progress.answered;
    throw thrown;
  }
}

/** Has the call answered by whoever does that for this llm. */
function send(
  deps: InferenceDeps,
  { call, record }: Asked,
  sent: Sent,
  key: string | undefined,
): Promise<ProviderResponse> {
  const { operation, llm, translation } = sent;
  const { adapter, timeouts, url } = sent.provider;
  const { headers, signal } = call.request;
  if (isVirtual(llm)) {
    const spoken = translation ? adapter.dialect : operation;
    const streaming = record.facts.streaming;
    return virtualLlmsOf(deps).infer({
      llm,
      operation: spoken,
      text: sent.request.text,
      streaming,
      timeouts,
      signal,
    });
  }
  if (adapter.isCommand) return runCommand(deps, sent, key, signal);
  return deps.outbound(url(sent.request.path), {
    method: "POST",
    headers: {
      ...adapter.headers(key),
      ...forwardedHeaders(headers, operation, adapter),
      ...record.span?.headers,
      "content-type": "application/json",
    },
    body: sent.request.text,
    timeouts,
    signal,
  });
}

/** Waits until an llm is awake, and no longer than the caller's bearer is good: it may be told meanwhile (T56). */
async function wake(
  deps: InferenceDeps,
  { call: { principal, request } }: Asked,
  llm: LlmRow,
): Promise<void> {
  const ended = new AbortController();
  let reason: AppError | undefined;
  const forget = deps.streams.add(principal, () => {
    reason = reasonToEnd(deps, principal);
    ended.abort();
  });
  try {
    await virtualLlmsOf(deps).wake(llm, AbortSignal.any([request.signal, ended.signal]));
  } catch (thrown) {
    throw reason ?? thrown;
  } finally {
    forget();
  }
}

function virtualLlmsOf({ virtualLlms }: InferenceDeps): VirtualLlms {
  if (!virtualLlms) throw new AppError("not_supported", "this server takes no agents");
  return virtualLlms;
}

function runCommand(
  { gemini }: InferenceDeps,
  { provider, request, llm }: Sent,
  apiKey: string | undefined,
  signal: AbortSignal,
): Promise<ProviderResponse> {
  if (!gemini) throw new AppError("not_supported", "this server runs no commands");
  const body = JSON.parse(request.text);
  return gemini.run({
    body,
    model: llm.spec.model,
    apiKey,
    timeouts: provider.timeouts,
    signal,
  });
}

function prepare(asked: Asked, llm: LlmRow): Sent {
  const { call, record, caller } = asked;
  record.facts.llm = llm;
  const provider = providerOf(llm);
  const { adapter } = provider;
  const own = llm.spec.model;
  const model = call.name === undefined ? own : modelFor(llm, caller.body["model"], asked.candidates);
  record.facts.model = model;
  const { operation } = call;
  const quirks = provider.quirksOf(model);
  const native = nativePathFor(adapter, operation, quirks, llm.spec);
  const translation =
    native === undefined && isDialect(operation) ? translationFor(operation, adapter.dialect) : undefined;
  if (native === undefined && !translation)
    throw new AppError("invalid_request", `this llm's provider has no ${operation}`);
  const path = native ?? operations[adapter.dialect].path;
  const request = providerRequest(caller, operation, { path, translation, model, quirks });
  return { caller, operation, llm, provider, translation, request };
}

/** An unstreamed answer: committed to the log, then sent. */
async function whole(
  exchange: ProviderResponse,
  record: CallRecord,
  sent: Sent,
  leave: () => void,
): Promise<Response> {
  const { caller, operation, provider, translation } = sent;
  const bytes = await exchange.bytes(maxAnswerBytes);
  leave();
  const text = bytes.toString("utf8");
  const body = parseAnswer(text, translation !== undefined);
  // An SDK would take JSON for a stream without a single frame.
  if (record.facts.streaming)
    throw new AppError("provider_error", "the provider did not answer with a stream");
  const translated = translation?.response(body, modelAsked(sent), caller.body);
  const spoken = translation ? provider.adapter.dialect : operations[operation].dialect;
  await record.close(200, dialects[spoken].usage(body));
  if (translated) return Response.json(translated);
  const own = caller.agent ? withModel(text, body, modelAsked(sent)) : (bytes as Uint8Array<ArrayBuffer>);
  return new Response(own, { headers: { "content-type": "application/json" } });
}

function pipeFor(dialect: Dialect, sent: Sent): StreamPipe {
  const { translation, caller, request } = sent;
  const translated = translation?.stream(modelAsked(sent), caller.body);
  if (translated) return translated;
  const pipe = passthroughPipe(dialect, request);
  return caller.agent ? withModelInFrames(pipe, modelAsked(sent)) : pipe;
}

/** An llm as it is after a wait. Throws AppError when the caller may not run it any more. */
export function asItIs(deps: InferenceDeps, { call, caller }: Asked, llm: LlmRow): LlmRow {
  const { snapshot } = deps.catalogue;
  const { principal } = call;
  if (!stillThere(snapshot, principal, deps.now())) throw reasonToEnd(deps, principal);
  const asker = principalAt(snapshot, principal);
  const candidates = caller.agent
    ? llmsOfAgent(snapshot, findAgent(snapshot, asker, caller.agent.id))
    : resolve(snapshot, asker, llm.name);
  const now = candidates.find(({ id }) => id === llm.id);
  if (now) return now;
  throw new AppError("unavailable", `llm "${llm.name}" has changed`, { retryAfter: 1 });
}

/** Why a call is ended that neither side wanted to end. */
function reasonToEnd(deps: InferenceDeps, principal: Principal): AppError {
  const { catalogue, now } = deps;
  return stillThere(catalogue.snapshot, principal, now())
    ? new AppError("unavailable", "the server is shutting down")
    : new AppError("unauthenticated", "the bearer is no longer valid");
}

/** How the caller named the model; a translated answer names it so. */
function modelAsked({ caller, llm }: Sent): string {
  const { agent, body } = caller;
  return (body["model"] as string | undefined) || (agent ? modelOfAgent(agent) : llm.name);
}
