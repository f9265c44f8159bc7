/** What happens on a WebSocket. */
export interface SocketHandler {
  opened(socket: Bun.ServerWebSocket<SocketHandler>): void;
  text(message: string): void;
  /** Bytes that nobody else writes to: they may be kept. */
  bytes(frame: Buffer): void;
  closed(): void;
}
