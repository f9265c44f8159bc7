import type { SocketHandler } from "../core/socket-handler.ts";
import { eventJson, type LinkConnection } from "./link-session.ts";

/** Takes the frames that an agent sends. */
export interface LinkReceiver {
  text(message: string): void;
  bytes(frame: Buffer): void;
  /** Called when the agent has gone, or was cut off because it does not read. */
  closed(): void;
}

/** Returns true if a request asks to become a WebSocket. */
export function wantsSocket({ headers }: Request): boolean {
  return headers.get("upgrade")?.toLowerCase() === "websocket";
}

/**
 * Creates the handler of an agent's WebSocket.
 *
 * @param opened called with the connection before the first frame of the agent; returns the receiver of the frames
 */
export function socketHandler(opened: (connection: LinkConnection) => LinkReceiver): SocketHandler {
  let receiver: LinkReceiver | undefined;
  let isOver = false;
  const over = () => {
    if (isOver) return;
    isOver = true;
    // The sender may be in the middle of a change of state.
    queueMicrotask(() => receiver?.closed());
  };
  return {
    opened(socket) {
      receiver = opened({
        transport: "websocket",
        send(event, request) {
          if (isOver) return;
          // 0: Bun dropped the event because too much waits. A link with a gap is of no use to an agent.
          if (socket.send(eventJson(event, request)) !== 0) return;
          socket.terminate();
          over();
        },
        sendBytes(frame) {
          if (isOver || socket.send(frame) !== 0) return;
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
      if (!isOver) receiver?.text(message);
    },
    bytes(frame) {
      if (!isOver) receiver?.bytes(frame);
    },
    closed: over,
  };
}
