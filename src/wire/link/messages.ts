import type { AgentState } from "./registration.ts";
import type { Task, TaskResult } from "./tasks.ts";

/**
 * What an agent and its server say to each other. The agent dials out; nothing here names an address or a key of its
 * machine. The same events and results go over a WebSocket, or down a stream of server-sent events and up in POSTs.
 */

/** What the server sends: as `event` and `data` of server-sent events, or as `{event, …data}` on a WebSocket. */
export type ServerEvent =
  /** First on every stream. */
  | { event: "attached"; epoch: number }
  | ({ event: "task" } & Task)
  /** The task is to be given up; nothing that is sent for it is read any more. */
  | { event: "cancel"; taskId: string }
  /** So many bytes more of this answer may be sent. */
  | { event: "credit"; taskId: string; bytes: number }
  /** WebSocket only: the answer to `accept`. Not granted when the offer is over, or was for another attempt. */
  | { event: "accepted"; taskId: string; attempt: number; granted: boolean; request?: unknown }
  /** The server is about to stop: what runs may finish. */
  | { event: "drain" }
  /** The session is no longer this agent's. It stops, or with a new bearer registers again. */
  | { event: "revoked"; reason: string };

/** What an agent sends on a WebSocket, as text. An answer's bytes go in binary frames: `encodeBytes`. */
export type AgentMessage =
  | { op: "accept"; taskId: string; attempt: number }
  | ({ op: "result"; taskId: string } & TaskResult)
  /** After the last bytes of a stream. */
  | { op: "done"; taskId: string; attempt: number }
  | { op: "heartbeat"; state?: AgentState }
  /** A new bearer of the same user, before the old one ends. */
  | { op: "authenticate"; token: string };
