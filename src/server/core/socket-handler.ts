/** Receives what happens on a WebSocket. */
export interface SocketHandler {
  opened(socket: Bun.ServerWebSocket<SocketHandler>): void;
  text(message: string): void;
  /** @param frame belongs to the handler and may be kept */
  bytes(frame: Buffer): void;
  closed(): void;
}
