import type { Dialect } from "./types.ts";

/** A call of a model. */
export type Operation = Dialect | "embeddings" | CountingOperation | PassedOperation;

/** An operation that measures a request of its dialect: `count_tokens` one of messages, `input_tokens` one of responses. */
export type CountingOperation = "count_tokens" | "input_tokens";

/** An operation whose requests and answers, of whatever type, only pass through. */
export type PassedOperation =
  | "completions"
  | "speech"
  | "transcriptions"
  | "translations"
  | "images"
  | "image_edits"
  | "image_variations"
  | "moderations"
  | "rerank";

export interface OperationInfo {
  /** The path of the call, at this server and below a provider's base URL. */
  readonly path: `/v1/${string}`;
  /** The dialect that its headers, errors and usage belong to. */
  readonly dialect: Dialect;
  /** `gen_ai.operation.name`: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ */
  readonly telemetryName: string;
  /** Other paths of the call at this server. */
  readonly aliases?: readonly string[];
  /** True if requests and answers only pass through. */
  readonly isPassed?: true;
  /** True if a request is a form with files (`multipart/form-data`) instead of JSON. */
  readonly isForm?: true;
}

/** Every operation. The paths of calls are written here only. */
export const operations: Readonly<Record<Operation, OperationInfo>> = {
  chat: { path: "/v1/chat/completions", dialect: "chat", telemetryName: "chat" },
  messages: { path: "/v1/messages", dialect: "messages", telemetryName: "chat" },
  count_tokens: { path: "/v1/messages/count_tokens", dialect: "messages", telemetryName: "count_tokens" },
  responses: { path: "/v1/responses", dialect: "responses", telemetryName: "chat" },
  input_tokens: { path: "/v1/responses/input_tokens", dialect: "responses", telemetryName: "count_tokens" },
  embeddings: { path: "/v1/embeddings", dialect: "chat", telemetryName: "embeddings" },
  completions: passed("/v1/completions", { telemetryName: "text_completion" }),
  speech: passed("/v1/audio/speech"),
  transcriptions: passed("/v1/audio/transcriptions", { isForm: true }),
  translations: passed("/v1/audio/translations", { isForm: true }),
  images: passed("/v1/images/generations"),
  image_edits: passed("/v1/images/edits", { isForm: true }),
  image_variations: passed("/v1/images/variations", { isForm: true }),
  moderations: passed("/v1/moderations", { telemetryName: "moderation" }),
  // The same request at Cohere's second path.
  rerank: passed("/v1/rerank", { telemetryName: "rerank", aliases: ["/v2/rerank"] }),
};

function passed(path: OperationInfo["path"], more: Partial<OperationInfo> = {}): OperationInfo {
  return { path, dialect: "chat", telemetryName: "generate_content", isPassed: true, ...more };
}

export const operationNames = Object.keys(operations) as Operation[];

/** The path of the list of models, at this server and below a provider's base URL. */
export const modelsPath = "/v1/models";

export function isOperation(value: unknown): value is Operation {
  return typeof value === "string" && Object.hasOwn(operations, value);
}

/** Returns true for an operation whose requests and answers only pass through. */
export function isPassed(operation: Operation): operation is PassedOperation {
  return operations[operation].isPassed === true;
}

/** Returns true for an operation that measures a request, and uses no tokens. */
export function isCounting(operation: Operation): operation is CountingOperation {
  return operation === "count_tokens" || operation === "input_tokens";
}

/** Returns true for an operation that is a dialect: its calls can be translated and streamed. */
export function isDialect(operation: Operation): operation is Dialect {
  return operations[operation].dialect === operation;
}

/** Returns the operation that is called at a path; undefined where there is none. */
export function operationAt(path: string): Operation | undefined {
  return operationNames.find((operation) => operations[operation].path === path);
}

/**
 * Returns the dialect of the clients that call a path under `/v1`, so that they can read its errors. A path that
 * several dialects share belongs to chat.
 */
export function dialectAt(path: string): Dialect {
  return (
    operationNames.filter(isDialect).find((dialect) => path.startsWith(operations[dialect].path)) ?? "chat"
  );
}
