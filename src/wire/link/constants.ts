/** Paths of the agent link on the server. */
export const linkPaths = {
  register: "/api/v1/llms/_provider-register",
  stream: "/api/v1/llms/_provider-stream",
  heartbeat: "/api/v1/llms/_provider-heartbeat",
  /** Followed by `/TASK-ID/accept` or `/TASK-ID/result`. */
  task: "/api/v1/llms/_provider-task",
} as const;

/** Header of an attach: the id of the session whose stream is attached. */
export const sessionHeader = "x-mcpctl-provider-session";

/**
 * Header of an attach: the last epoch that the agent knows. With it, the same agent continues; without it, a new agent
 * takes the session. In the response: the new epoch.
 */
export const epochHeader = "x-mcpctl-epoch";

/** An agent that sends nothing for this many milliseconds counts as gone. */
export const leaseMs = 90_000;
/** Milliseconds between two heartbeats of an agent. */
export const heartbeatMs = 30_000;
/** Milliseconds in which an agent must accept a task. */
export const offerMs = 5_000;
/** Bytes of one response that an agent may send before the caller has read them. */
export const creditBytes = 256 * 1024;
/** A longer request is not in the task: its agent gets it with the acceptance. */
export const inlineBytes = 256 * 1024;
/** The same from revision 3 on: a longer request goes in parts, or with the acceptance. */
export const shortBytes = 8 * 1024;
/**
 * The largest number of bytes of one part of a body, so that messages and parts of other tasks go in between. Each time
 * that so many more bytes have arrived, the receiver says how many they are in all.
 */
export const partBytes = 8 * 1024;
/** Bytes of one whole response that an agent may send before the server has read them, from revision 3 on. */
export const wholeCreditBytes = 4 * 1024 * 1024;
/** The largest number of bytes of a message that is not a result: a heartbeat, an acceptance. */
export const controlBytes = 64 * 1024;
/** The largest number of bytes of a registration. */
export const registerBytes = 4 * 1024 * 1024;
/** The largest number of bytes of a response in one POST. */
export const resultBytes = 64 * 1024;
/** Limits of JSON with a request in it: what the server takes from callers, in one more level (T60). */
export const requestLimits = { maxDepth: 80, maxItems: 1_000_000, maxStructure: 16 * 1024 * 1024 };
/** A stream that is silent for this many milliseconds is dead: the server sends a comment every 15 s. */
export const silenceMs = 45_000;

/** Codes with which the server closes a WebSocket. It also uses 1012, before it stops. */
export const closeCodes = {
  /** The bearer is no longer valid, or lost the right to expose llms. */
  revoked: 4401,
  /** A newer agent has taken the session. */
  fenced: 4409,
  /** The agent sent a frame that no version of an agent sends. */
  malformed: 4400,
} as const;
