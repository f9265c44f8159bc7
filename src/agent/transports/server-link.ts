import type { QuestionAnswer } from "../../wire/link/mcp-calls.ts";
import type { AgentState, LinkTransport } from "../../wire/link/registration.ts";
import type { Task, TaskError, WholeHead } from "../../wire/link/tasks.ts";

/** The agent's end of an attached link session. */
export interface ServerLink {
  readonly transport: LinkTransport;
  /** Resolves when the link is lost or closed. */
  readonly ended: Promise<LinkEnd>;
  /** Sends the agent's state. Returns at once. */
  heartbeat(state: AgentState): void;
  /** Sends a new bearer, if the link was attached with the old one. */
  authenticate(token: string): void;
  close(): void;
}

/**
 * The end of a link. `lost`: attach again. `stopping`: the server has announced that it stops, and many agents come back
 * at once. `fenced`: another agent has the session. `revoked`: the bearer is no longer valid.
 */
export interface LinkEnd {
  why: "lost" | "stopping" | "fenced" | "revoked" | "closed";
  /** A text for the log. */
  reason: string;
}

/** Receives what the server sends. */
export interface LinkEvents {
  task(task: Task, line: TaskLine): void;
  cancel(taskId: string): void;
  credit(taskId: string, bytes: number): void;
  /** A client has answered a request of an MCP server. */
  answer(taskId: string, answer: QuestionAnswer): void;
  drain(): void;
}

/** A whole response, or the error in place of one. */
export type TaskOutcome = { status: number; body: unknown; retryAfter?: number } | { error: TaskError };

/** Sends the response of one task to the server. */
export interface TaskLine {
  /** True if it ends with the link that the task came by. */
  readonly endsWithLink: boolean;
  /** Claims the task. Undefined when it is no longer available; with `request` if the task did not bring it. */
  accept(attempt: number): Promise<{ request?: unknown } | undefined>;
  /**
   * Begins a whole response, whose bytes follow by `write` and `end`.
   *
   * @returns false if the server takes a whole response by `finish` only
   */
  begin(head: WholeHead): boolean;
  /** Takes the next bytes of a response, cut anywhere. Bytes that may not be sent yet wait here. */
  write(bytes: Uint8Array): void;
  /** Ends the response. Resolves when all bytes have been sent, or are no longer wanted. */
  end(): Promise<void>;
  /** Sends an outcome in place of a stream, or breaks a stream off with it. Resolves like `end`. */
  finish(outcome: TaskOutcome): Promise<void>;
  /** True while bytes wait that may not be sent yet: the writer must pause. */
  readonly full: boolean;
  /** Allows so many more bytes to be sent. */
  grant(bytes: number): void;
  /** Ends it. Nothing more is sent. */
  close(): void;
  /** Called when `full` has become false. */
  onRoom: () => void;
  /** Called when the server no longer wants the response. */
  onGone: () => void;
}
