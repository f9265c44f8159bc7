import { randomBytes } from "node:crypto";
import type { TCPSocketListener } from "bun";
import { AppError } from "../../errors.ts";
import type { RequestHandler } from "../../wire/incoming-request.ts";
import type { SocketHandler } from "../core/socket-handler.ts";
import { AcceptGate } from "../http/connections/accept-gate.ts";
import { BusyPortCounts } from "../http/connections/busy-port-counts.ts";
import { Descriptors } from "../http/connections/descriptors.ts";
import { anotherDescriptor } from "../http/connections/hand-over.ts";
import { openLibc } from "../http/connections/libc.ts";
import { Sockets } from "../http/connections/sockets.ts";
import type { BusyPorts } from "../http/connections/victims.ts";
import { GreetedConnection } from "../http/http1/greeted-connection.ts";
import { OwnListener } from "../http/http1/own-listener.ts";
import { servePlainly, thrownByListen } from "../http/listen.ts";
import type { TcpListener, TcpOptions, TlsMaterial } from "../http/listener.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** The listening socket, of which each worker has a descriptor of its own. The main thread accepts nothing from it. */
interface SharedSocket {
  descriptor: number;
  hostname: string;
  port: number;
  close(): void;
}

/**
 * A TCP port whose connections workers accept, each those that it comes to first. What they do not answer comes to the main
 * thread by a listener on a port of this machine, which takes no other connections.
 */
export class WorkerListener implements TcpListener {
  readonly url: string;
  readonly port: number;
  readonly openPorts: (() => ReadonlySet<number>) | undefined;
  readonly #socket: SharedSocket;
  readonly #pool: WorkerPool;
  /** The listener for what workers pass on. */
  readonly #main: OwnListener;
  readonly #busy = new BusyPortCounts();

  private constructor(pool: WorkerPool, socket: SharedSocket, main: OwnListener, scheme: "http" | "https") {
    this.#pool = pool;
    this.#socket = socket;
    this.#main = main;
    this.port = socket.port;
    const host = socket.hostname.includes(":") ? `[${socket.hostname}]` : socket.hostname;
    this.url = `${scheme}://${host}:${socket.port}`;
    this.openPorts = scheme === "https" ? () => this.#busy.openPorts() : undefined;
  }

  /**
   * Listens on a TCP port that no other process has, or on the socket that systemd passes.
   *
   * @throws AppError `unavailable` if the port is taken or may not be used
   */
  static async open(pool: WorkerPool, options: TcpOptions, handle: RequestHandler): Promise<WorkerListener> {
    const { idleSeconds, passed, tls } = options;
    const scheme = tls ? "https" : "http";
    const secret = randomBytes(32).toString("hex");
    const socket = passed ? { ...passed, close() {} } : openSocket(options);
    const main = new OwnListener(
      { hostname: "127.0.0.1", port: 0, ...(idleSeconds !== undefined && { idleSeconds }) },
      handle,
      servePlainly,
      { connectionOf: (connection, host) => new GreetedConnection(connection, host, secret), scheme },
    );
    const listener = new WorkerListener(pool, socket, main, scheme);
    try {
      await Promise.all(
        pool.threads.map((thread) =>
          thread.ask({
            is: "listen",
            socket: {
              descriptor: ownDescriptor(socket),
              hostname: socket.hostname,
              port: socket.port,
              idleSeconds,
              tls,
              urls: [listener.url],
              mainPort: main.port,
              secret,
              busy: listener.#busy.memory,
            },
          }),
        ),
      );
    } catch (error) {
      await listener.close();
      throw error;
    }
    return listener;
  }

  peerOf(request: Request): { address: string; port: number } | undefined {
    return this.#main.peerOf(request);
  }

  addressOf(request: Request): string | undefined {
    return this.#main.addressOf(request);
  }

  upgrade(request: Request, handler: SocketHandler, headers: Record<string, string>): boolean {
    return this.#main.upgrade(request, handler, headers);
  }

  endQuiet(): void {}

  know(request: Request): void {
    this.#main.know(request);
  }

  readonly busyPorts = (): BusyPorts => this.#busy.addTo(new Map(this.#main.busyPorts()));

  async handOver(): Promise<void> {
    await Promise.all([this.#pool.ask({ is: "handOver" }), this.#main.handOver()]);
  }

  async renew(tls: TlsMaterial): Promise<void> {
    await Promise.all(
      this.#pool.threads.map((thread) =>
        thread.ask({ is: "renew", tls, descriptor: ownDescriptor(this.#socket) }),
      ),
    );
  }

  async drain(): Promise<void> {
    this.#socket.close();
    await Promise.all([this.#pool.ask({ is: "drain" }), this.#main.drain()]);
  }

  /** Ends the connections of the main thread. Those of the workers end with them. */
  async close(): Promise<void> {
    this.#socket.close();
    await this.#main.close();
  }
}

/** Returns a descriptor of a socket for one worker. Throws AppError `unavailable` if none is left. */
function ownDescriptor({ descriptor }: SharedSocket): number {
  const own = anotherDescriptor(descriptor);
  if (own === undefined) throw new AppError("unavailable", "no descriptor is left for a worker");
  return own;
}

/** Opens a socket from which the main thread accepts nothing. */
function openSocket(options: TcpOptions): SharedSocket {
  const { hostname, port } = options;
  let listener: TCPSocketListener;
  try {
    listener = Bun.listen({
      hostname,
      port,
      exclusive: true,
      socket: { data() {}, open: (one) => void one.terminate() },
    });
  } catch (cause) {
    throw thrownByListen(cause, options);
  }
  const libc = openLibc();
  const descriptor = libc && Sockets.find(libc, new Descriptors(libc), listener.port)?.listeners[0];
  const gate = descriptor === undefined ? undefined : AcceptGate.find(libc!, descriptor);
  if (!gate) {
    listener.stop(true);
    throw new AppError("not_supported", "this system does not let threads share a socket", {
      hint: "workers need Linux and /proc: start the server without --workers",
    });
  }
  gate.pause();
  return { descriptor: descriptor!, hostname, port: listener.port, close: () => listener.stop(true) };
}
