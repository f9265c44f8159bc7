import type { Operation } from "../dialects/operations.ts";

/** Work for an agent. */
export type Task = InferTask | McpTask | WakeTask;

/** The fields of every task that is accepted and answered. */
interface CallTask {
  taskId: string;
  /** 1 at first. Each further offer of the task adds 1. */
  attempt: number;
  /** WebSocket only: the channel of this task in binary frames. */
  channel?: number;
  /**
   * WebSocket only, from revision 3 on: the number of bytes of a request that follows in binary frames, also before the
   * task is accepted.
   */
  requestBytes?: number;
}

/** A call of a model. */
export interface InferTask extends CallTask {
  kind: "infer";
  llmName: string;
  /** An operation in the dialect of the provider: the server has already translated the request. */
  operation: Operation;
  streaming: boolean;
  /** The number of mcpctl programs that the call has passed. An older server leaves it out. */
  hops?: number;
  /** The body for the provider. Left out if it is longer than `inlineBytes`: then it comes with the acceptance. */
  request?: unknown;
}

/** A call of an MCP server that the agent publishes. Agents that publish none never get one. */
export interface McpTask extends CallTask {
  kind: "mcp";
  serverName: string;
  /** A `McpCallRequest`. Left out if it is long: then it comes with the acceptance, or in binary frames. */
  request?: unknown;
}

/** A request to wake a hibernating model. */
export interface WakeTask {
  kind: "wake";
  taskId: string;
  llmName: string;
}

/** The body of an accept call, and of `accept` on a WebSocket. */
export interface AcceptRequest {
  /** The agent's epoch, if the agent knows it. */
  epoch?: number;
  attempt: number;
}

/** The head of a whole response, from revision 3 on. */
export interface WholeHead {
  status: number;
  /** Of the body; JSON if it is not given. */
  contentType?: string;
  /** Seconds. */
  retryAfter?: number;
}

/**
 * The result of a task: a whole response, one chunk of a stream, a batch of chunks, or an error. A chunk is the data of
 * one server-sent event (`{"id":…}`, `[DONE]`), or whole events as the provider sent them (`event: …\ndata: …\n\n`).
 */
export type TaskResult = { epoch?: number; attempt?: number } & (
  | { status: number; body: unknown; retryAfter?: number }
  | { chunk: { data: string; done?: boolean } }
  /** With `head`, in the first batch only, the frames are parts of a whole response, cut anywhere. */
  | { seq: number; frames: string[]; done?: boolean; head?: WholeHead }
  | { error: string | TaskError }
);

/** The reason for which an agent has no response to a task. */
export interface TaskError {
  /**
   * - `connect`: the provider could not be reached; nothing was sent to it.
   * - `closed`: the provider closed the connection before its response was whole.
   * - `timeout`: the provider did not respond in time.
   * - `malformed`: the response is not in the provider's dialect.
   * - `too-large`: the response is too large.
   * - `busy`: the agent takes no more calls now.
   * - `unknown_llm`: the agent does not publish the llm, or the MCP server.
   * - `wake`: the model could not be woken.
   * - `draining`: the agent is about to stop.
   */
  kind:
    | "connect"
    | "closed"
    | "timeout"
    | "malformed"
    | "too-large"
    | "busy"
    | "unknown_llm"
    | "wake"
    | "draining";
  /** A message for the caller. It names no host, path or command of the agent's machine. */
  message: string;
  /** Seconds. */
  retryAfter?: number;
}

/** The response to a posted result. */
export interface ResultResponse {
  /** The number of the last batch that was taken. A batch behind a gap is not taken; the agent sends it again. */
  ackSeq: number;
  /** Bytes that the agent may still send. */
  credit: number;
  /** True if the caller has gone: the agent stops the task. */
  cancelled: boolean;
}
