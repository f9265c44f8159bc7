import { Socket } from "node:net";

/** The address of a database server, as the driver parses it. */
interface Address {
  host: string[];
  port: number[];
  /** Path of the Unix socket, where the host is a folder. */
  path?: string | false;
}

/** The sockets of one driver, with the time when each last received data. */
export interface WatchedSockets {
  /** Makes a socket for the driver's option `socket`, and connects it in the background. */
  open(address: Address): Socket;
  /** Destroys the sockets that have received nothing for some milliseconds. */
  destroySilent(time: number): void;
}

/**
 * Makes sockets that can be destroyed when the database does not answer: its process hangs, or packets get lost. The
 * driver itself would wait for ever on such a connection, and would use it for the next query.
 */
export function watchedSockets(elapsed = performance.now.bind(performance)): WatchedSockets {
  const lastReceived = new Map<Socket, number>();
  return {
    open({ host, port, path }) {
      const socket = new Socket();
      lastReceived.set(socket, elapsed());
      socket.on("data", () => lastReceived.set(socket, elapsed()));
      // The driver listens for errors a moment later, and stops when the socket is closed. An error that nobody listens
      // for would end the process.
      const ignoreErrors = () => void socket.on("error", () => {});
      ignoreErrors();
      socket.on("close", () => {
        lastReceived.delete(socket);
        queueMicrotask(ignoreErrors);
      });
      // The driver writes at once. The socket sends it when it is connected.
      if (path) socket.connect(path);
      else socket.connect(port[0]!, host[0]!);
      return socket;
    },
    destroySilent(time) {
      for (const [socket, at] of lastReceived) if (elapsed() - at >= time) socket.destroy();
    },
  };
}
