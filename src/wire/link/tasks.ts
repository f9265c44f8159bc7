import type { Operation } from "../dialects/operations.ts";

export type Task = InferTask | WakeTask;

export interface InferTask {
  kind: "infer";
  taskId: string;
  /** 1, and one more each time the task is offered again. */
  attempt: number;
  llmName: string;
  /** The dialect is the provider's: the server has translated where the caller's is another one. */
  operation: Operation;
  streaming: boolean;
  /** The body for the provider. Not there when it is longer than `inlineBytes`: the acceptance brings it. */
  request?: unknown;
  /** WebSocket only: the number that stands before this answer's bytes in binary frames. */
  channel?: number;
}

export interface WakeTask {
  kind: "wake";
  taskId: string;
  llmName: string;
}

/** The body of an accept call, and of `accept` on a WebSocket. */
export interface AcceptRequest {
  /** Where the agent knows one. */
  epoch?: number;
  attempt: number;
}

/**
 * What became of a task: a whole answer, one chunk of a stream, a batch of chunks, or a failure. A chunk is the data of
 * one server-sent event (`{"id":…}`, `[DONE]`), or whole events as the provider sent them (`event: …\ndata: …\n\n`).
 */
export type TaskResult = { epoch?: number; attempt?: number } & (
  | { status: number; body: unknown; retryAfter?: number }
  | { chunk: { data: string; done?: boolean } }
  | { seq: number; frames: string[]; done?: boolean }
  | { error: string | TaskError }
);

/** Why an agent could not have a task answered. */
export interface TaskError {
  /**
   * `connect`: the provider cannot be reached, nothing was sent to it. `closed`: it closed before its answer was whole.
   * `timeout`, `malformed`, `too-large`: as they say. `busy`: it takes no more. `unknown_llm`: it is not published
   * here. `wake`: it could not be woken. `draining`: this agent is about to stop.
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
  /** For the caller: it names no host, path or command of the agent's machine. */
  message: string;
  /** Seconds. */
  retryAfter?: number;
}

/** The answer to a result. */
export interface ResultResponse {
  /** The last batch taken; a batch that stands behind a gap is not, and comes again. */
  ackSeq: number;
  /** Bytes that may still be sent. */
  credit: number;
  /** The caller has gone: the task is to be given up. */
  cancelled: boolean;
}
