import type { SocketHandler } from "../core/socket-handler.ts";
import type { LinkConnection } from "./link-session.ts";
import { eventJson } from "./link-session.ts";

/** What comes up a WebSocket. */
export interface LinkReceiver {
  text(message: string): void;
  bytes(frame: Buffer): void;
  /** The agent has gone, or was cut off because it does not read. */
  closed(): void;
}

/** Whether a request asks to become a WebSocket. */
export function wantsSocket({ headers }: Request): boolean {
  return headers.get("upgrade")?.toLowerCase() === "websocket";
}

/**
 * Both ways over a WebSocket.
 *
 * @param opened is told when there is a connection, before anything comes up
 */
export function socketHandler(opened: (connection: LinkConnection) => LinkReceiver): SocketHandler {
  let events: LinkReceiver | undefined;
  let isOver = false;
  const over = () => {
    if (isOver) return;
    isOver = true;
    // Whoever sends is in the middle of something.
    queueMicrotask(() => events?.closed());
  };
  return {
    opened(socket) {
      events = opened({
        transport: "websocket",
        send(event, request) {
          if (isOver) return;
          // 0: dropped, because too much waits already. An agent that has missed an event is better off without the rest.
          if (socket.send(eventJson(event, request)) !== 0) return;
          socket.terminate();
          over();
        },
        close(code, reason) {
          isOver = true;
          socket.close(code, reason);
        },
      });
    },
    text(message) {
      if (!isOver) events?.text(message);
    },
    bytes(frame) {
      if (!isOver) events?.bytes(frame);
    },
    closed: over,
  };
}
