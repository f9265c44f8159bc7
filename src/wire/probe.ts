/**
 * What `mcpctl doctor` asks of a server to find out what stands between the two: whether pieces of an answer and of a
 * request arrive as they were sent, whether a WebSocket opens, and how long silence is put up with.
 */
export const probePaths = {
  /** Events at intervals, then silence, then `end`. Upgraded to a WebSocket it says back what it is told. */
  stream: "/api/v1/_probe/stream",
  /** Takes a body and tells when each part of it arrived. */
  upload: "/api/v1/_probe/upload",
} as const;

/** The most that may be asked for. */
export const probeLimits = {
  events: 20,
  /** Milliseconds between two events. */
  every: 5_000,
  /** Milliseconds. */
  silence: 180_000,
  uploadBytes: 2 * 1024 * 1024,
  /** Messages that one WebSocket says back, and their characters. */
  messages: 20,
  messageLength: 1_024,
  /** Probes of one principal at the same time. */
  together: 4,
} as const;

/** The data of an event: when it was sent, in milliseconds since the stream began. */
export interface ProbeEvent {
  at: number;
}

/** What became of an uploaded body. */
export interface UploadTimes {
  bytes: number;
  /** When its parts arrived, in milliseconds since the head of the request; those of the first 64. */
  arrived: number[];
}
