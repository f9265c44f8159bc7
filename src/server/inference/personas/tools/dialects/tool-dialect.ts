import type { StreamPosition } from "../../../../../wire/dialects/types.ts";
import type { SseEvent } from "../../../../../wire/sse.ts";
import type { ModelTools } from "../model-tools.ts";
import type { AnswerCall, ProjectCall, Round } from "../round.ts";

export type JsonFields = Record<string, unknown>;

/** The facts about a call that its answer needs. */
export interface AnswerContext {
  /** The body of the caller's request. */
  body: JsonFields;
  tools: ModelTools;
  /** True if the text of the answer must be JSON: text that comes before calls of tools is left out. */
  isJson: boolean;
  /** The id of the answer, in a dialect in which later requests can name it; undefined to keep the provider's. */
  answerId: string | undefined;
}

/** The elements that a request of the next round has besides those of the last one. */
export interface NextMessages {
  /** The list of the request that gets them. */
  field: "messages" | "input";
  elements: JsonFields[];
  /** True if the elements are the whole list. */
  isWhole?: boolean;
}

/** Returns what an answer had besides a call of the caller's own tool, by the id of that call. */
export type KeptCalls = (callId: unknown) => readonly JsonFields[] | undefined;

/** The rules of a dialect for calls of tools that the server makes itself. */
export interface ToolDialect {
  /** Refuses a request that cannot have tools of a project. Throws AppError `invalid_request`. */
  checkRequest(body: JsonFields): void;
  /** Returns the names of the caller's own tools. */
  ownNames(body: JsonFields): string[];
  /** Returns the fields of the request with the tools of the project, and with the calls of earlier answers in its history. */
  prepared(body: JsonFields, tools: ModelTools): JsonFields;
  /** Returns what a client may leave out when it sends an answer back: calls that the server made, with their results. */
  keptOf(answer: JsonFields): JsonFields[];
  /**
   * Returns the fields of the request with what its client has left out of earlier answers; none if nothing is missing.
   *
   * @param kept returns that of the answer with such a call of the caller's own tool, if it is known
   */
  restored(body: JsonFields, kept: KeptCalls): JsonFields;
  /** True if the request asks for JSON. */
  wantsJson(body: JsonFields): boolean;
  /** Returns the calls in a whole answer, in their order. */
  callsIn(answer: JsonFields): AnswerCall[];
  /** True if an answer was cut off, so that its calls may not be whole. */
  isCut(answer: JsonFields): boolean;
  /** Returns the answer and the results of its calls, for the request of the next round. */
  next(body: JsonFields, round: Round): NextMessages;
  /** Returns the fields that stop a request from forcing a call: a forced one would be forced in each round. */
  freed(body: JsonFields): JsonFields;
  /** The fields that forbid calls. */
  readonly withoutCalls: JsonFields;
  /** Returns the one answer for the caller. */
  whole(rounds: readonly Round[], context: AnswerContext): JsonFields;
  /** Begins the one stream for the caller. */
  stream(context: AnswerContext): AnswerStream;
}

/** Makes one stream of the streams of all rounds. Each function returns frames, or "". */
export interface AnswerStream {
  /** Takes an event of the model's stream. */
  event(event: SseEvent): string;
  /** True after an event that says that the call failed. The rest of the stream passes as it is. */
  readonly hasFailed: boolean;
  /** A call that will be made now. */
  called(call: ProjectCall): string;
  /** The result of a call. */
  returned(call: ProjectCall): string;
  /** Begins the next round. */
  nextRound(): void;
  /** The place in the stream, for the frames of an error in a dialect whose events name it. */
  readonly position?: StreamPosition;
  /** Ends the stream with the end of the last round. */
  end(rounds: readonly Round[]): string;
}

/** Returns the elements of a list that are objects. */
export function objectsIn(list: unknown): JsonFields[] {
  return Array.isArray(list)
    ? list.filter((one) => typeof one === "object" && one !== null && !Array.isArray(one))
    : [];
}

export function textIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Returns the arguments of a call as JSON text. Some servers of models send them as an object. */
export function argumentsText(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : JSON.stringify(value);
}

/** Returns a field if its elements are not those that it had. */
export function changed(field: string, before: unknown, elements: readonly unknown[]): JsonFields {
  const isSame =
    !Array.isArray(before) ||
    (before.length === elements.length && before.every((one, i) => one === elements[i]));
  return isSame ? {} : { [field]: elements };
}
