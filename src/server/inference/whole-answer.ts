import { refuseManyParts } from "../../adapters/many-parts.ts";
import { embeddingList, missingEmbeddings } from "../../adapters/passthrough/embedding-list.ts";
import { passthroughPipe } from "../../adapters/passthrough/index.ts";
import { faultOf } from "../../adapters/provider-fault.ts";
import { inDialect } from "../../adapters/shapes/foreign-answer.ts";
import { answerShapes, shapeOf } from "../../adapters/shapes/index.ts";
import { areJsonLines, eventsOfLines } from "../../adapters/shapes/json-lines.ts";
import { isOllamaLine } from "../../adapters/shapes/ollama-lines.ts";
import {
  type AnswerText,
  cutAnswer,
  isLargeAnswer,
  parseAnswer,
  parseAnswerInTurns,
  parseShortFields,
} from "../../adapters/shapes/parse-answer.ts";
import type { StreamFault } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import { cutLongTexts } from "../../wire/cut-long-texts.ts";
import { isDialect, type Operation } from "../../wire/dialects/operations.ts";
import type { Dialect } from "../../wire/dialects/types.ts";
import { isObject } from "../../wire/json.ts";
import type { LongTexts } from "../../wire/long-texts.ts";
import { nextTurn } from "../../wire/next-turn.ts";
import { SseParser } from "../../wire/sse.ts";

const openBrace = 123;

/** Bytes of a stream that are read in one turn. */
const turnBytes = 64 * 1024;

/** The most bytes of an event besides its long texts, as in a stream that is translated (T258). */
const maxEventBytes = 1024 * 1024;

/** A larger answer is not parsed where it passes through. Bytes. */
const largeBytes = 1024 * 1024;

/** A whole answer of a provider, read. */
export interface ReadAnswer {
  body: unknown;
  /** The answer as JSON. `bytes` are the provider's own, where they are what the caller gets. */
  text: string;
  bytes: Uint8Array<ArrayBuffer> | undefined;
  /** Long texts that were cut out: `body` and `text` have marks in their place. */
  long?: LongTexts | undefined;
  /** The error that the answer is or contains, although its status is a success. */
  fault: StreamFault | undefined;
}

/**
 * Reads a whole answer of any operation.
 *
 * @param dialect the dialect of the answer
 * @param isExact true to keep the digits of long integers, for a translation
 * @throws AppError `provider_error`
 */
export function readAnswer(
  bytes: Buffer,
  operation: Operation,
  dialect: Dialect,
  isExact: boolean,
): ReadAnswer | Promise<ReadAnswer> {
  return isDialect(operation) ? wholeAnswer(bytes, dialect, isExact) : otherAnswer(bytes, operation);
}

/**
 * Reads a whole answer of a dialect: at once, unless it is large. A provider may send a stream although none was asked for.
 *
 * @param exact keeps the digits of long integers, for a translation
 * @throws AppError `provider_error` if it is neither JSON nor a whole stream
 */
export function wholeAnswer(
  bytes: Buffer,
  dialect: Dialect,
  exact: boolean,
): ReadAnswer | Promise<ReadAnswer> {
  if (shapeOf(bytes) === "stream") return collected(bytes, dialect);
  if (hasTwoValues(bytes) && areJsonLines(bytes, true)) return collected(bytes, dialect, eventsOfLines);
  const plain = withoutMark(bytes);
  if (isLargeAnswer(plain)) return largeAnswer(plain, dialect, exact);
  const text = plain.toString("utf8");
  return parsedAnswer(parseAnswer(text, exact), dialect, plain, { text, long: undefined });
}

async function largeAnswer(plain: Buffer, dialect: Dialect, exact: boolean): Promise<ReadAnswer> {
  const cut = await cutAnswer(plain, exact);
  return parsedAnswer(await parseAnswerInTurns(cut.text, exact), dialect, plain, cut);
}

/** Returns an answer of a dialect that was parsed. A runtime may have answered with one of its own shape. */
function parsedAnswer(
  sent: unknown,
  dialect: Dialect,
  bytes: Buffer,
  { text, long }: AnswerText,
): ReadAnswer | Promise<ReadAnswer> {
  if (isOllamaLine(sent)) return ollamaAnswer(dialect, { text, long });
  const body = inDialect(sent, dialect);
  const fault = answerShapes[dialect].faultIn(body);
  if (body === sent) return { body, text, bytes: bytes as Uint8Array<ArrayBuffer>, long, fault };
  return { ...written(body), long, fault };
}

async function ollamaAnswer(dialect: Dialect, { text, long }: AnswerText): Promise<ReadAnswer> {
  return { ...(await collected(Buffer.from(text), dialect, eventsOfLines)), long };
}

/** Returns true for JSON whose second line begins with a value of its own: most answers have one line, or are indented. */
function hasTwoValues(bytes: Buffer): boolean {
  const end = bytes.indexOf(10);
  if (end < 2) return false;
  let next = end + 1;
  while (bytes[next]! <= 32) next++;
  return bytes[next] === openBrace;
}

/** Returns the bytes without a byte order mark, which is no part of JSON. */
function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

/** Reads the answer of an operation that is no dialect. Throws AppError `provider_error` if it is not JSON. */
async function otherAnswer(bytes: Buffer, operation: Operation): Promise<ReadAnswer> {
  const text = bytes.toString("utf8");
  const isLarge = bytes.length > largeBytes;
  // Embeddings of many texts: only the usage and an error are read.
  const body = isLarge ? await parseShortFields(text) : parseAnswer(text, false);
  const fault = isObject(body) && body.error ? faultOf(body) : undefined;
  if (fault || isLarge) return { body, text, bytes: bytes as Uint8Array<ArrayBuffer>, fault };
  const list = operation === "embeddings" ? embeddingList(body) : undefined;
  if (list) return { ...written(list), fault: undefined };
  return { body, text, bytes: bytes as Uint8Array<ArrayBuffer>, fault: emptiness(operation, body) };
}

/** Returns the fault of an answer that has nothing of what was asked for. */
function emptiness(operation: Operation, body: unknown): StreamFault | undefined {
  if (operation === "embeddings") return missingEmbeddings(body);
  const choices = isObject(body) ? body.choices : undefined;
  const isEmpty = operation === "completions" && Array.isArray(choices) && choices.length === 0;
  return isEmpty ? { message: "the provider sent an answer without choices" } : undefined;
}

/**
 * Reads a stream that has come whole, in several turns of the event loop. Long texts of a large one are cut out.
 *
 * @param toEvents makes events of a stream that has another form
 */
async function collected(
  bytes: Buffer,
  dialect: Dialect,
  toEvents?: (bytes: Buffer) => Promise<Buffer>,
): Promise<ReadAnswer> {
  const cut = isLargeAnswer(bytes) ? await cutLongTexts(bytes) : undefined;
  const rest = cut?.rest ?? bytes;
  const stream = (await toEvents?.(rest)) ?? rest;
  const watch = passthroughPipe(dialect, { stripUsage: false });
  const parser = new SseParser({ maxEventBytes });
  const answer = answerShapes[dialect].collect();
  for (let at = 0; at < stream.length; at += turnBytes) {
    if (at > 0) await nextTurn();
    const bytes = stream.subarray(at, at + turnBytes);
    watch.push(bytes);
    for (const event of parser.push(bytes)) answer.add(event);
    if (watch.fault) break;
  }
  watch.end();
  if (!watch.fault && !watch.finished)
    throw new AppError("provider_error", "the provider closed the stream before its response was complete");
  await nextTurn();
  for (const event of parser.end()) answer.add(event);
  const body = answer.whole();
  refuseManyParts(body);
  return { ...written(body), long: cut?.long, fault: watch.fault };
}

/** Returns an answer that is not in the provider's own bytes. */
function written(body: unknown): Omit<ReadAnswer, "fault"> {
  return { body, text: JSON.stringify(body), bytes: undefined };
}
