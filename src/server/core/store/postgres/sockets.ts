import { Socket } from "node:net";

/** Address of a database server, as the driver has parsed it. */
interface Address {
  host: string[];
  port: number[];
  /** Path of the Unix socket, where the host is a folder. */
  path?: string | false;
}

/** The connections of one driver, watched for silence. */
export interface WatchedSockets {
  /** Makes the socket of one connection, for the driver's option `socket`. Connects in the background. */
  open(address: Address): Socket;
  /** Destroys the connections over which nothing has arrived for the given time, in milliseconds. */
  destroySilent(time: number): void;
}

/**
 * Sockets that can be destroyed when a database no longer answers: packets are dropped, or its process is stopped. The
 * driver itself waits for ever on such a connection, and then gives it to the next query.
 */
export function watchedSockets(elapsed = performance.now.bind(performance)): WatchedSockets {
  const heard = new Map<Socket, number>();
  return {
    open({ host, port, path }) {
      const socket = new Socket();
      heard.set(socket, elapsed());
      socket.on("data", () => heard.set(socket, elapsed()));
      socket.on("close", () => heard.delete(socket));
      // The driver writes at once; the socket keeps that until it is connected.
      if (path) socket.connect(path);
      else socket.connect(port[0]!, host[0]!);
      return socket;
    },
    destroySilent(time) {
      for (const [socket, at] of heard) if (elapsed() - at >= time) socket.destroy();
    },
  };
}
