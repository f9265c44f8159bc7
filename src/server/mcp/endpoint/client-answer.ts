/** An answer to a client: a message as JSON, and the HTTP status that a modern client gets with it. */
export interface ClientAnswer {
  text: string;
  status: number;
  /** Seconds after which the client may call again. */
  retryAfter?: number;
}
