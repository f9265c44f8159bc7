/** The calls of MCP servers by one user with one token, or without one. */
export interface CallCount {
  userId: string | null;
  tokenId: string | null;
  count: number;
  /** The time of the last one, in milliseconds since 1970. */
  last: number;
}
