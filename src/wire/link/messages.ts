import type { QuestionAnswer } from "./mcp-calls.ts";
import type { AgentState } from "./registration.ts";
import type { Task, TaskResult, WholeHead } from "./tasks.ts";

/**
 * Messages between a workstation agent and its server. The agent opens every connection, and no message names an
 * address or a key of its machine. The same messages go over a WebSocket, or as server-sent events to the agent and as
 * POSTs to the server.
 */

/**
 * A message to an agent: `event` and `data` of a server-sent event, or `{event, …data}` on a WebSocket.
 */
export type ServerEvent =
  /** The first event of every stream. */
  | { event: "attached"; epoch: number }
  | ({ event: "task" } & Task)
  /** The agent stops the task. The server drops everything that still comes for it. */
  | { event: "cancel"; taskId: string }
  /** The client of a call of an MCP server has answered a request of that MCP server. */
  | { event: "answer"; taskId: string; answer: QuestionAnswer }
  /** The agent may send this many more bytes of the response. */
  | { event: "credit"; taskId: string; bytes: number }
  /**
   * WebSocket only: the reply to `accept`. `granted` is false if the offer is over or was for another attempt. A
   * request that was not in the task is here.
   */
  | { event: "accepted"; taskId: string; attempt: number; granted: boolean; request?: unknown }
  /**
   * WebSocket only, from revision 3 on: so many bytes of binary frames have arrived since the link opened, without
   * their channels. The receiver says so each time that `partBytes` more have arrived.
   */
  | { event: "received"; bytes: number }
  /** The server is about to stop. Tasks under way may finish. */
  | { event: "drain" }
  /** The agent has lost the session. It stops, or registers again with a new bearer. */
  | { event: "revoked"; reason: string };

/** A text message from an agent on a WebSocket. Bytes of a response go in binary frames: see `encodeBytes`. */
export type AgentMessage =
  | { op: "accept"; taskId: string; attempt: number }
  | ({ op: "result"; taskId: string } & TaskResult)
  /**
   * From revision 3 on: a whole response follows in binary frames and ends with `done`. Without `head`, the frames are
   * a stream of events.
   */
  | ({ op: "head"; taskId: string; attempt: number } & WholeHead)
  /** From revision 3 on: as the server's `received`. */
  | { op: "received"; bytes: number }
  /** The response was streamed whole. */
  | { op: "done"; taskId: string; attempt: number }
  | { op: "heartbeat"; state?: AgentState }
  /** A new bearer of the same user, sent before the old one ends. */
  | { op: "authenticate"; token: string };
