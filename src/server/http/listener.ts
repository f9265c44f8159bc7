import type { SocketHandler } from "../core/socket-handler.ts";
import type { PassedSocket } from "./connections/passed-socket.ts";
import type { BusyPorts } from "./connections/victims.ts";

/** A socket on which the server listens. */
export interface Listener {
  url: string;
  /** Returns the address that a request comes from; undefined on a Unix socket, and if the caller has gone. */
  addressOf(request: Request): string | undefined;
  /**
   * Makes a request a WebSocket, which opens before this returns. The response of the handler is then not sent.
   *
   * @param headers of the response that opens the WebSocket
   * @returns false if the request cannot become a WebSocket
   */
  upgrade(request: Request, handler: SocketHandler, headers: Record<string, string>): boolean;
  /** Ends the quiet time that a streamed response may have. Call it before the last bytes are sent. */
  endQuiet(request: Request): void;
  /** Takes no new connections. Resolves when all requests have their responses. */
  drain(): Promise<void>;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** A TCP port on which the server listens. */
export interface TcpListener extends Listener {
  port: number;
  /** Returns where a request comes from; undefined if the caller has gone. */
  peerOf(request: Request): { address: string; port: number } | undefined;
  /** Notes that the caller of a request has shown a valid bearer. */
  know(request: Request): void;
  /** The requests under way, by the port of their peer. */
  busyPorts(): BusyPorts;
  /** The ports of the peers of connections that have shaken hands; undefined without TLS, and where nobody knows them. */
  openPorts?: (() => ReadonlySet<number>) | undefined;
  /** Leaves new connections to the next server, where systemd keeps the socket for it. Loses no request. */
  handOver(): Promise<void>;
  /** Uses another certificate for new connections. Those that are open keep theirs until their requests are answered. */
  renew(tls: TlsMaterial): void | Promise<void>;
}

/** A certificate with those of the authorities above it, and its key, in PEM. */
export interface TlsMaterial {
  cert: string;
  key: string;
}

/** Options of `listenTcp`. */
export interface TcpOptions {
  hostname: string;
  port: number;
  /** Seconds without a request after which a connection is closed; 60 if not given. */
  idleSeconds?: number;
  /** The socket of systemd, which takes the place of `hostname` and `port`. */
  passed?: PassedSocket | undefined;
  /** Speaks TLS with this certificate, and nothing else; plain HTTP without it. */
  tls?: TlsMaterial | undefined;
  /** True to leave the reading of requests to `Bun.serve`, instead of this program's own code. */
  isPlain?: boolean | undefined;
}
