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
/** Bytes of a message that is not a result: a heartbeat, an acceptance. */
export const controlBytes = 64 * 1024;
/** Bytes of a registration. */
export const registerBytes = 4 * 1024 * 1024;
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
