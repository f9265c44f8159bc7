import type { AgentState, LinkTransport } from "../../wire/link/registration.ts";
import type { Task, TaskError } from "../../wire/link/tasks.ts";

/** An attached stream of one server. */
export interface ServerLink {
  readonly transport: LinkTransport;
  /** Resolves when it is over. */
  readonly ended: Promise<LinkEnd>;
  /** Tells how the agent is. Returns at once. */
  heartbeat(state: AgentState): void;
  /** Tells a new bearer, where the stream stands on the old one. */
  authenticate(token: string): void;
  close(): void;
}

/**
 * `lost`: try again. `stopping`: the server has said that it stops; many agents come back at once. `fenced`: another
 * agent has the session. `revoked`: the bearer is no longer good.
 */
export interface LinkEnd {
  why: "lost" | "stopping" | "fenced" | "revoked" | "closed";
  /** For the log. */
  reason: string;
}

/** What comes down a link. */
export interface LinkEvents {
  task(task: Task, line: TaskLine): void;
  cancel(taskId: string): void;
  credit(taskId: string, bytes: number): void;
  drain(): void;
}

/** A whole answer, or why there is none. */
export type TaskOutcome = { status: number; body: unknown; retryAfter?: number } | { error: TaskError };

/** The way of one task's answer to the server. */
export interface TaskLine {
  /** Whether it ends with the link it came by. */
  readonly endsWithLink: boolean;
  /** Claims the task. Undefined when it is no longer to be had; `request` where the task did not bring it. */
  accept(attempt: number): Promise<{ request?: unknown } | undefined>;
  /** Takes the next bytes of a stream, cut anywhere; what may not be sent yet waits here. */
  write(bytes: Uint8Array): void;
  /** After the last bytes. Resolves when all have been sent, or nobody wants them. */
  end(): Promise<void>;
  /** Instead of a stream, or as its end before its time. Resolves like `end`. */
  finish(outcome: TaskOutcome): Promise<void>;
  /** Something waits that may not be sent yet: whoever writes is to hold back. */
  readonly full: boolean;
  /** So many bytes more may be sent. */
  grant(bytes: number): void;
  /** Nothing more is sent. */
  close(): void;
  /** Called when it is no longer full. */
  onRoom: () => void;
  /** Called when the server does not want the answer any more. */
  onGone: () => void;
}
