/**
 * What an agent and its server say to each other. The agent dials out; nothing here names an address or a key of its
 * machine. The same events and results go over a WebSocket, or down a stream of server-sent events and up in POSTs.
 */

/** Where a server takes what agents send. */
export const linkPaths = {
  register: "/api/v1/llms/_provider-register",
  stream: "/api/v1/llms/_provider-stream",
  heartbeat: "/api/v1/llms/_provider-heartbeat",
  /** With `/accept` or `/result` and the task's id before it. */
  task: "/api/v1/llms/_provider-task",
} as const;

/** Says whose stream it is, when a stream is attached. */
export const sessionHeader = "x-mcpctl-provider-session";

/**
 * With an attach: the last epoch the agent knows, which makes it the same agent going on; without, a newcomer that
 * wins. With the answer: the new one.
 */
export const epochHeader = "x-mcpctl-epoch";

/** Milliseconds without a word after which an agent counts as gone. */
export const leaseMs = 90_000;
/** How often an agent tells that it is there, in milliseconds. */
export const heartbeatMs = 30_000;
/** How long an agent may take to accept a task, in milliseconds. */
export const offerMs = 5_000;
/** How many bytes of one answer may be on their way, unread by the caller. */
export const creditBytes = 256 * 1024;
/** A request longer than this is fetched with its acceptance instead of standing in the task. */
export const inlineBytes = 256 * 1024;
/** The most that one POST of results carries. */
export const resultBytes = 64 * 1024;
/** A stream on which nothing has come for so long is dead, in milliseconds: a comment comes every 15 s. */
export const silenceMs = 45_000;

/** How a WebSocket is closed by the server, besides 1012 when it is about to stop. */
export const closeCodes = {
  /** The bearer is no longer good, or the right to expose was taken away. */
  revoked: 4401,
  /** A newer agent has taken over the session. */
  fenced: 4409,
  /** A frame that no agent of any version sends. */
  malformed: 4400,
} as const;

/** What is asked of a model, in the dialect its provider speaks: the server has translated where that is another one. */
export type LinkOperation = "chat" | "messages" | "responses" | "embeddings" | "count_tokens";

/** A model that an agent publishes. */
export interface PublishedProvider {
  name: string;
  /** An llm type, which says what its provider speaks. */
  type: string;
  /** The provider's name for the model. */
  model: string;
  tier?: "fast" | "heavy";
  description?: string;
  poolName?: string;
  /** Heeded on first creation only; private when it is not said. */
  visibility?: "public" | "private";
  initialStatus?: "active" | "hibernating";
  /** What is known of the model, for people: `{contextLength: 32768}`. */
  capabilities?: Record<string, unknown>;
}

/** A persona that an agent publishes. */
export interface PublishedAgent {
  name: string;
  /** One of the published llms, or one of the server's that the publisher may see. */
  llmName: string;
  description?: string;
  systemPrompt?: string;
  project?: string;
  defaultParams?: Record<string, unknown>;
  extras?: Record<string, unknown>;
  visibility?: "public" | "private";
}

/** The body of a register call. Unknown fields are passed over: the agent may be newer than the server. */
export interface RegisterRequest {
  /** A name, not authority: another principal's, or another machine's, is answered with a new one. */
  providerSessionId?: string;
  /** 2 for all that is said here; an agent that does not say it accepts by being sent to. */
  protocol?: number;
  /** Of this process. */
  bootId?: string;
  /** Of this machine. */
  machineId?: string;
  providers: PublishedProvider[];
  agents?: PublishedAgent[];
}

export interface RegisterAnswer {
  providerSessionId: string;
  epoch: number;
  leaseMs: number;
  heartbeatMs: number;
  transports: Transport[];
  /** As the API shows them. */
  llms: Record<string, unknown>[];
  agents: Record<string, unknown>[];
}

/** `sse` is server-sent events down and POSTs up. */
export type Transport = "websocket" | "sse";

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

export type Task = InferTask | WakeTask;

export interface InferTask {
  kind: "infer";
  taskId: string;
  /** 1, and one more each time the task is offered again. */
  attempt: number;
  llmName: string;
  operation: LinkOperation;
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
export interface ResultAnswer {
  /** The last batch taken; a batch that stands behind a gap is not, and comes again. */
  ackSeq: number;
  /** Bytes that may still be sent. */
  credit: number;
  /** The caller has gone: the task is to be given up. */
  cancelled: boolean;
}

export interface HeartbeatRequest {
  providerSessionId: string;
  epoch?: number;
  state?: AgentState;
}

/** How an agent is. */
export interface AgentState {
  /** By published name. */
  llms?: Record<string, LlmState>;
  /** It takes no new tasks. */
  draining?: boolean;
}

export interface LlmState {
  status: "active" | "inactive" | "hibernating";
  /** Its weights are in memory, as far as the agent can tell. */
  resident?: boolean;
  /** Calls it is answering, from whomever. */
  inFlight?: number;
}

/** What an agent sends on a WebSocket, as text. An answer's bytes go in binary frames: `encodeBytes`. */
export type AgentMessage =
  | { op: "accept"; taskId: string; attempt: number }
  | ({ op: "result"; taskId: string } & TaskResult)
  /** After the last bytes of a stream. */
  | { op: "done"; taskId: string; attempt: number }
  | { op: "heartbeat"; state?: AgentState }
  /** A new bearer of the same user, before the old one ends. */
  | { op: "authenticate"; token: string };

const channelBytes = 4;

/** A binary frame: the task's channel as 32 bits, big end first, and bytes of its answer as the provider sent them. */
export function encodeBytes(channel: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(channelBytes + bytes.length);
  // Not by a DataView: for each of them the engine would have to make a buffer of its own for the array.
  frame[0] = channel >>> 24;
  frame[1] = channel >>> 16;
  frame[2] = channel >>> 8;
  frame[3] = channel;
  frame.set(bytes, channelBytes);
  return frame;
}

/** A binary frame taken apart; undefined when it is too short to be one. The bytes are a view of it. */
export function decodeBytes(frame: Uint8Array): { channel: number; bytes: Uint8Array } | undefined {
  if (frame.length < channelBytes) return undefined;
  const channel = ((frame[0]! << 24) | (frame[1]! << 16) | (frame[2]! << 8) | frame[3]!) >>> 0;
  return { channel, bytes: frame.subarray(channelBytes) };
}
