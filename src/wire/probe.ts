/**
 * Paths with which `mcpctl doctor` tests the network between itself and a server: whether the parts of a response and
 * of a request arrive one by one, whether a WebSocket opens, and after which silence a connection is closed.
 */
export const probePaths = {
  /** Sends events at intervals, then nothing, then `end`. As a WebSocket, sends each message back. */
  stream: "/api/v1/_probe/stream",
  /** Takes a body and returns the time at which each part arrived. */
  upload: "/api/v1/_probe/upload",
} as const;

/** Upper limits of a probe. */
export const probeLimits = {
  events: 20,
  /** Milliseconds between two events. */
  every: 5_000,
  /** Milliseconds. */
  silence: 180_000,
  uploadBytes: 2 * 1024 * 1024,
  /** Messages that one WebSocket sends back, and the characters of each. */
  messages: 20,
  messageLength: 1_024,
  /** Probes that one principal may run at the same time. */
  concurrent: 4,
} as const;

/** The data of an event. */
export interface ProbeEvent {
  /** Milliseconds from the start of the stream to the sending of the event. */
  at: number;
}

/** The result of an upload. */
export interface UploadTimes {
  bytes: number;
  /** For each of the first 64 parts: milliseconds from the head of the request to its arrival. */
  arrived: number[];
}
