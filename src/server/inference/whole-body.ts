import { refuseManyParts } from "../../adapters/many-parts.ts";
import { inAskedFormat } from "../../adapters/passthrough/embedding-format.ts";
import { passedUsage } from "../../adapters/passthrough/passed.ts";
import { responsesAnswer } from "../../adapters/passthrough/responses.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { isPassed, type Operation } from "../../wire/dialects/operations.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import type { LongTexts } from "../../wire/long-texts.ts";
import { largeText, nextTurn } from "../../wire/next-turn.ts";
import { joinInTurns } from "../../wire/pieces.ts";
import { jsonHeaders } from "./answer-headers.ts";
import type { CallContext } from "./call.ts";
import { providerFailure } from "./failure.ts";
import type { MadeResponse } from "./held-response.ts";
import { withModel } from "./personas/response-model.ts";
import { type PreparedCall, requestedName } from "./prepared-call.ts";
import { isKept, keepAnswer } from "./provider-state/kept-answer.ts";
import { answerOptions, dialectOfAnswer } from "./streamed-answer.ts";
import { type ReadAnswer, readAnswer } from "./whole-answer.ts";

/** A whole answer, from the bytes of its provider to the body that the caller gets. */
export interface WholeBody {
  answer: ReadAnswer;
  /** The answer in the caller's dialect, where the provider speaks another one. */
  translated: Record<string, unknown> | undefined;
  isLarge: boolean;
  /** The dialect of the answer. */
  dialect: ReturnType<typeof dialectOfAnswer>;
}

/** Reads a whole answer: at once, unless it is large or is to be kept. Throws AppError for an answer that is an error. */
export function readWhole(
  bytes: Buffer,
  context: CallContext,
  prepared: PreparedCall,
  key: string | undefined,
): WholeBody | Promise<WholeBody> {
  const { operation, translation, quirks } = prepared;
  context.record.received.addWhole(bytes);
  const dialect = dialectOfAnswer(operation, prepared);
  const answer = readAnswer(bytes, operation, dialect, translation !== undefined);
  const isLarge = bytes.length > largeText;
  if (answer instanceof Promise || isLarge || isKept(context, translation !== undefined, quirks))
    return readInTurns(answer, isLarge, context, prepared, key);
  refuseFault(answer, dialect, key);
  return { answer, translated: translatedOf(answer, prepared), isLarge, dialect };
}

async function readInTurns(
  reading: ReadAnswer | Promise<ReadAnswer>,
  isLarge: boolean,
  context: CallContext,
  prepared: PreparedCall,
  key: string | undefined,
): Promise<WholeBody> {
  const { operation, translation, quirks, llm } = prepared;
  const answer = await reading;
  const dialect = dialectOfAnswer(operation, prepared);
  refuseFault(answer, dialect, key);
  if (isLarge) await nextTurn();
  const translated = translatedOf(answer, prepared);
  if (isKept(context, translation !== undefined, quirks)) await keepAnswer(context, llm, answer.body);
  return { answer, translated, isLarge, dialect };
}

function refuseFault({ fault }: ReadAnswer, dialect: WholeBody["dialect"], key: string | undefined): void {
  if (fault) throw providerFailure(fault.status ?? 502, fault, dialects[dialect].family, key);
}

function translatedOf({ body }: ReadAnswer, prepared: PreparedCall): WholeBody["translated"] {
  const { translation, request } = prepared;
  if (!translation) return undefined;
  refuseManyParts(body);
  return translation.response(body, requestedName(prepared), request.body) as Record<string, unknown>;
}

/** Returns the usage that an answer reports. */
export function usageIn({ answer: { body }, dialect }: WholeBody, operation: Operation): Usage | undefined {
  return isPassed(operation) ? passedUsage(body, operation) : dialects[dialect].usage(body);
}

/** Returns the body of the response for an answer whose audit event is committed: at once, for most. */
export function bodyFor(
  whole: WholeBody,
  response: ProviderResponse,
  context: CallContext,
  prepared: PreparedCall,
  key: string | undefined,
): MadeResponse | Promise<MadeResponse> {
  const { answer, translated, isLarge } = whole;
  const { operation, request, llm } = prepared;
  const made = responsesAnswer(operation === "responses" ? (translated ?? answer.body) : answer.body);
  const remembered = made && answer.long ? answer.long.restored(made) : made;
  if (remembered) context.onAnswer(remembered, llm);
  const options = answerOptions(jsonHeaders, prepared, response, key);
  if (isLarge || answer.long || operation === "embeddings")
    return bodyInTurns(whole, prepared).then((body): MadeResponse => [body, options]);
  if (translated) return [JSON.stringify(translated), options];
  if (request.persona) return [withModel(answer.text, answer.body, requestedName(prepared)), options];
  return [answer.bytes ?? answer.text, options];
}

async function bodyInTurns(
  { answer, translated, isLarge }: WholeBody,
  prepared: PreparedCall,
): Promise<MadeResponse[0]> {
  const { request, operation } = prepared;
  const { long } = answer;
  if (isLarge) await nextTurn();
  if (translated) return withTexts(JSON.stringify(translated), long);
  if (operation === "embeddings") {
    const vectors = await inAskedFormat(answer.text, request.body["encoding_format"]);
    if (vectors !== undefined) return vectors;
  }
  if (answer.bytes && !request.persona) return answer.bytes;
  const text = request.persona ? withModel(answer.text, answer.body, requestedName(prepared)) : answer.text;
  return withTexts(text, long);
}

/** Returns a body with the long texts that were cut out of it. */
async function withTexts(text: string, long: LongTexts | undefined): Promise<MadeResponse[0]> {
  return long ? joinInTurns(await long.parts(text)) : text;
}
