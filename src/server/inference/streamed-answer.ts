import { passthroughPipe } from "../../adapters/passthrough/index.ts";
import { answerShapes } from "../../adapters/shapes/index.ts";
import type { StreamPipe } from "../../adapters/types.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { isDialect, type Operation, operations } from "../../wire/dialects/operations.ts";
import type { Dialect } from "../../wire/dialects/types.ts";
import { GrowingMemory } from "../core/growing-memory.ts";
import { liveResponse } from "../core/live-response.ts";
import { oncePerObject } from "../core/once-per-object.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import { limitHeaders, noLimits, withAnswerHeaders } from "./answer-headers.ts";
import type { CallContext, InferenceDeps } from "./call.ts";
import { endReason } from "./end-reason.ts";
import { withLongEvents } from "./long-events.ts";
import { passedAnswer } from "./passed-answer.ts";
import { withModelInFrames } from "./personas/response-model.ts";
import { type PreparedCall, requestedName } from "./prepared-call.ts";
import { isEventStream } from "./provider-response.ts";
import { isKept, keepStreamed } from "./provider-state/kept-answer.ts";
import { openStream, streamHeaders } from "./stream.ts";
import type { StreamGuard, StreamOptions } from "./stream-options.ts";

/**
 * Makes a response of a streamed answer, or of any answer that passes as it comes. The functions that stay with the stream
 * hold nothing of the request, which may be long: each is made where only what it needs is in reach.
 *
 * @param place is left when nothing more is read from the provider
 */
export async function streamedAnswer(
  deps: InferenceDeps,
  context: CallContext,
  prepared: PreparedCall,
  response: ProviderResponse,
  key: string | undefined,
  place: StreamOptions["place"],
): Promise<Response> {
  const { call, record, visibleError } = context;
  const { operation, principal, httpRequest } = call;
  const { adapter, timeouts } = prepared.provider;
  const common = {
    response,
    record,
    requestId: call.requestId,
    family: dialects[adapter.dialect].family,
    key,
    deadlines: deps.deadlines,
    memory: new GrowingMemory(deps.answers, principal.userId),
    readTimeout: timeouts.silence,
    principal,
    guard: guardOf(deps),
    place,
    onLastBytes: call.onLastBytes,
    visibleError: record.facts.persona ? visibleError : unchanged,
  };
  if (!isDialect(operation)) return passedAnswer(common, operation, httpRequest);
  const isLabelled = isEventStream(response);
  const pipe = pipeFor(operation, prepared);
  const { memory } = common;
  const options = answerOptions(streamHeaders, prepared, response, key);
  response.forgetHeaders?.();
  const opening = openStream({
    ...common,
    ...(prepared.translation
      ? withLongEvents(response, pipe, { isLabelled, memory, received: record.received })
      : { pipe }),
    isLabelled,
    shapes: answerShapes[dialectOfAnswer(operation, prepared)],
    wire: dialects[operation],
    ...listenersOf(context, prepared),
  });
  return liveResponse(opening instanceof Promise ? await opening : opening, options, httpRequest);
}

/** Returns what watches the bearers of a server's streams. */
const guardOf = oncePerObject(
  (deps: InferenceDeps): StreamGuard => ({
    streams: deps.streams,
    reason: (principal) => endReason(deps, principal),
  }),
);

const unchanged: StreamOptions["visibleError"] = (error) => error;

type AnswerListeners = Pick<StreamOptions, "onComplete" | "onResponseId">;

const noListeners: AnswerListeners = { onComplete() {} };

/** Returns what is done with the answer of a stream. */
function listenersOf(context: CallContext, { llm, translation, quirks }: PreparedCall): AnswerListeners {
  const { call, onAnswer } = context;
  if (call.operation === "responses")
    return responsesListeners(context, llm, isKept(context, translation !== undefined, quirks));
  return translation ? answerListeners(onAnswer, llm) : noListeners;
}

function answerListeners(onAnswer: CallContext["onAnswer"], llm: LlmRow): AnswerListeners {
  return {
    onComplete({ answer }) {
      if (answer) onAnswer(answer, llm);
    },
  };
}

/** Later calls may need the answer with its request, which is held until then. */
function responsesListeners(context: CallContext, llm: LlmRow, keeps: boolean): AnswerListeners {
  const { call, background, onAnswer } = context;
  return {
    ...(keeps && { onResponseId: (id: string) => keepStreamed(context, llm, id) }),
    onComplete({ answer, usage }) {
      if (!answer) return;
      if (keeps) background.count({ principal: call.principal, id: answer.id }, usage);
      onAnswer(answer, llm);
    },
  };
}

/** Returns the options of an answer, with the headers that its provider sent and its caller gets. */
export function answerOptions(
  options: { headers: Readonly<Record<string, string>> },
  { request, providerRequest: { dropped } }: PreparedCall,
  response: ProviderResponse,
  key: string | undefined,
) {
  return withAnswerHeaders(options, dropped, request.persona ? noLimits : limitHeaders(response, key));
}

/** Returns the dialect in which the provider answers. */
export function dialectOfAnswer(operation: Operation, { translation }: PreparedCall): Dialect {
  return translation ? translation.provider : operations[operation].dialect;
}

function pipeFor(dialect: Dialect, prepared: PreparedCall): StreamPipe {
  const { translation, request, providerRequest } = prepared;
  const translated = translation?.stream(requestedName(prepared), request.body);
  if (translated) return translated;
  const pipe = passthroughPipe(dialect, providerRequest);
  return request.persona ? withModelInFrames(pipe, requestedName(prepared)) : pipe;
}
