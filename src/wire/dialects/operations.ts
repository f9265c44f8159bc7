import type { Dialect } from "./types.ts";

/** A call of a model. `count_tokens` measures a request of the messages dialect. */
export type Operation = Dialect | "embeddings" | "count_tokens";

export interface OperationInfo {
  /** The path of the call, at this server and below a provider's base URL. */
  readonly path: `/v1/${string}`;
  /** The dialect that its headers, errors and usage belong to. */
  readonly dialect: Dialect;
  /** `gen_ai.operation.name`: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ */
  readonly telemetryName: "chat" | "embeddings";
}

/** Every operation. The paths of calls are written here only. */
export const operations: Readonly<Record<Operation, OperationInfo>> = {
  chat: { path: "/v1/chat/completions", dialect: "chat", telemetryName: "chat" },
  messages: { path: "/v1/messages", dialect: "messages", telemetryName: "chat" },
  count_tokens: { path: "/v1/messages/count_tokens", dialect: "messages", telemetryName: "chat" },
  responses: { path: "/v1/responses", dialect: "responses", telemetryName: "chat" },
  embeddings: { path: "/v1/embeddings", dialect: "chat", telemetryName: "embeddings" },
};

export const operationNames = Object.keys(operations) as Operation[];

/** The path of the list of models, at this server and below a provider's base URL. */
export const modelsPath = "/v1/models";

export function isOperation(value: unknown): value is Operation {
  return typeof value === "string" && Object.hasOwn(operations, value);
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
