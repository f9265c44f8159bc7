import type { ErrorMeaning } from "../errors.ts";
import type { ResponsesEvent } from "../wire/dialects/responses.ts";
import { isObject, parsedObject } from "../wire/json.ts";
import type { SseEvent } from "../wire/sse.ts";
import { oneLine } from "../wire/text.ts";
import { meaningOf } from "./error-meaning.ts";
import { faultWords } from "./fault-words.ts";
import { retryTimeOf } from "./retry-time.ts";
import type { ProviderFault, StreamFault } from "./types.ts";

/** The HTTP status of each type or code of an error, for errors in streams: OpenAI's, Anthropic's, Google's and AWS'. */
const statusOfType: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  insufficient_quota: 429,
  api_error: 500,
  server_error: 500,
  timeout_error: 504,
  request_timeout: 504,
  overloaded_error: 529,
  server_is_overloaded: 503,
  slow_down: 503,
  BadRequestError: 400,
  InternalServerError: 500,
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
  ValidationException: 400,
  AccessDeniedException: 403,
  ThrottlingException: 429,
  ServiceUnavailableException: 503,
};

/** The HTTP status of an error that names none: a client repeats a call that failed with 502. */
const statusOfMeaning: Readonly<Partial<Record<ErrorMeaning["is"], number>>> = {
  overflow: 400,
  moderation: 400,
  sealed_elsewhere: 400,
  no_model: 404,
  quota: 429,
};

/** Words of an error without a status that is over after a while. */
const limitsRate = /\brate.?limit|\btoo many requests\b/i;

const longestMessage = 1_000;
/** An error body beyond this, in characters, is not parsed. */
const largestBody = 256 * 1024;

/**
 * Reads an error body of a provider: the shape of OpenAI or Anthropic, Google's in an array, Ollama's bare string,
 * FastAPI's `detail`, a proxy's HTML page, plain text or nothing.
 */
export function readProviderError(status: number, body: string): ProviderFault {
  const text = body.trim();
  if (text === "") return { message: `the provider answered with status ${status} and no explanation` };
  const fault = text.length <= largestBody ? faultOf(parsedObject(text), status) : undefined;
  if (fault) {
    const { status: _, ...told } = fault;
    return told;
  }
  const start = text.slice(0, 16 * 1024);
  if (!start.startsWith("<")) return { message: oneLine(start, longestMessage) };
  const title = oneLine(/<title[^>]*>([^<]*)/i.exec(start)?.[1] ?? "", longestMessage);
  return {
    message: `the provider answered with status ${status} and a web page${title && `: ${title}`}`,
  };
}

/**
 * Finds the error in parsed JSON; returns undefined where there is none.
 *
 * @param httpStatus The status of the response; undefined for an error in a stream or in a response with status 200.
 */
export function faultOf(payload: unknown, httpStatus?: number): StreamFault | undefined {
  const outer = Array.isArray(payload) ? payload[0] : payload;
  if (!isObject(outer)) return undefined;
  if (typeof outer.error === "string" && outer.error !== "")
    return meant(outer.error, undefined, {}, httpStatus);
  const isInside = (isObject(outer.error) && !isEmpty(outer.error)) || Array.isArray(outer.error);
  const error = isInside ? (outer.error as Record<string, unknown>) : outer;
  const message = faultWords(error) ?? faultWords(outer);
  if (message === undefined && error === outer) return undefined;
  const type = [error.type, error.code, error.status].map(text).find((name) => name && !/^\d+$/.test(name));
  return meant(message, type, error, httpStatus);
}

function meant(
  told: string | undefined,
  type: string | undefined,
  error: Record<string, unknown>,
  httpStatus: number | undefined,
): StreamFault {
  const fields = isSmall(error) ? error : {};
  const words = told ?? JSON.stringify(fields);
  const named = Number(fields.code ?? fields.status);
  const named400 = [type, fields.code, fields.status]
    .map((name) => statusOfType[String(name)])
    .filter(Boolean);
  // Gateways call everything invalid_request_error: another name beside it says more (case 208).
  const coded = named400.find((status) => status !== 400) ?? named400[0];
  const ownStatus = named >= 400 && named <= 599 ? named : coded;
  const message = oneLine(words, longestMessage);
  const meaning = meaningOf({ status: httpStatus ?? ownStatus, message: words, type, fields });
  const ofWords = httpStatus === undefined && limitsRate.test(message) ? 429 : undefined;
  const status = ownStatus ?? (meaning && statusOfMeaning[meaning.is]) ?? ofWords;
  const retryAfter = retryTimeOf(words, fields);
  return {
    message,
    ...(type !== undefined && { type: oneLine(type, 100) }),
    ...(status && { status }),
    ...(meaning && { meaning }),
    ...(retryAfter !== undefined && { retryAfter }),
    ...(Object.keys(fields).length > 0 && { fields }),
  };
}

/** The largest error object that is passed on, in characters. Objects of sensible providers have a few hundred. */
const largestFields = 16 * 1024;

/** The deepest error object that is passed on. */
const deepestFields = 8;

/** Returns false for an object that is too large or nested too deeply to be passed on. */
function isSmall(error: Record<string, unknown>): boolean {
  return !isDeeper(error, deepestFields) && JSON.stringify(error).length <= largestFields;
}

function isDeeper(value: unknown, most: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return most === 0 || Object.values(value).some((inner) => isDeeper(inner, most - 1));
}

/** Reads an error that a provider reports in a stream, also one without a message. */
export function reportedFault(payload: unknown): StreamFault {
  return faultOf(payload) ?? { message: "the provider reported an error" };
}

/**
 * Reads an event that its name calls an error, whatever its data is: an object or plain words. Returns undefined for
 * every other event.
 */
export function namedFault({ event, data }: SseEvent): StreamFault | undefined {
  if (event !== "error") return undefined;
  const payload = parsedObject(data);
  if (payload) return reportedFault(payload);
  return { message: oneLine(data, longestMessage) || "the provider reported an error" };
}

/** Reads the error of an event of responses, or of the response in it. */
export function responsesFault(event: ResponsesEvent): StreamFault {
  const { type: _, sequence_number: _number, ...own } = event;
  const error = event.response?.error ?? event.error ?? own;
  return reportedFault(typeof error.message === "string" ? { error } : undefined);
}

/**
 * Returns true for a chat chunk, or a whole answer, that is an error. Some frameworks send `error: null` or `error: {}`
 * with each answer. FastAPI's `detail`, and `base_resp` of MiniMax with a status that is not 0, are errors in place of
 * choices: https://platform.minimax.io/docs/api-reference/text-openai-api
 */
export function isChatError(chunk: object): boolean {
  const { error, object, choices, detail, success, base_resp } = chunk as Readonly<Record<string, unknown>>;
  if (object === "error") return true;
  if (error && !isEmpty(error)) return true;
  if (Array.isArray(choices) && choices.length > 0) return false;
  return Boolean(detail) || success === false || (isObject(base_resp) && Boolean(base_resp.status_code));
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
