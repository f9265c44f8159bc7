import type { Socket, TCPSocketListener } from "bun";
import type { CallRequest, RequestHandler } from "../../../wire/incoming-request.ts";
import { within } from "../../core/lifecycle.ts";
import { MainThreadCall } from "../../core/main-thread-call.ts";
import type { SocketHandler } from "../../core/socket-handler.ts";
import type { BusyPortCounts } from "../connections/busy-port-counts.ts";
import { listeningSocket, PassedListener } from "../connections/hand-over.ts";
import type { BusyPorts } from "../connections/victims.ts";
import type { TcpListener, TcpOptions, TlsMaterial } from "../listener.ts";
import { FrameMemory } from "./frame-memory.ts";
import { isLight, LightRequest } from "./light-request.ts";
import type { RequestHead } from "./request-head.ts";
import { type ConnectionHost, ServerConnection } from "./server-connection.ts";
import type { ServerExchange } from "./server-exchange.ts";
import { Tunnel, tunnelHandlers } from "./tunnel.ts";
import { webRequest } from "./web-request.ts";
import { sendWebResponse } from "./web-response.ts";

/** Milliseconds between two looks at the deadlines of connections, at most. */
const sweepInterval = 500;
/** Milliseconds in which the other side of a WebSocket that was closed must have closed it, too, when the server ends. */
const lastWordsTime = 1000;

const anyPort = { hostname: "127.0.0.1", port: 0 };

/** Opens a listener of `Bun.serve`. */
export type ServePlainly = (options: TcpOptions, handle: RequestHandler) => TcpListener;

/** The main thread, as the listener of a worker uses it. */
export interface MainThread {
  /** True for a request that only the main thread answers. */
  answers(head: RequestHead): boolean;
  /** The port on which the main thread takes connections of workers. */
  readonly port: number;
  /** Returns the words by which the main thread knows a connection, and the address of its caller. */
  greeting(connection: ServerConnection): Buffer;
  /** The requests under way of all workers. */
  readonly busy: BusyPortCounts;
}

/** Options of a listener that is a part of several. */
export interface ListenerPart {
  /** Set in a worker. */
  main?: MainThread;
  /** Makes connections whose callers are behind another listener. */
  connectionOf?(socket: Socket<ServerConnection>, host: ConnectionHost): ServerConnection;
  /** The scheme of the listener in front. */
  scheme?: "http" | "https";
}

/**
 * A TCP port whose requests are read by this program's own code. Requests for a WebSocket are passed on to a listener of
 * `Bun.serve` on a port of this machine, which takes no other connections. A worker passes all requests that it does not
 * answer on to the main thread.
 */
export class OwnListener implements TcpListener, ConnectionHost {
  readonly url: string;
  readonly port: number;
  readonly idleTime: number;
  readonly openPorts: (() => ReadonlySet<number>) | undefined;
  isLeaving = false;
  readonly #idleSeconds: number;
  readonly #address: { hostname: string; port: number };
  readonly #isPassed: boolean;
  readonly #scheme: "http" | "https";
  #listener: TCPSocketListener<ServerConnection>;
  #adopted: PassedListener | undefined;
  readonly #handle: RequestHandler;
  readonly #servePlainly: ServePlainly;
  readonly #main: MainThread | undefined;
  readonly #connectionOf: NonNullable<ListenerPart["connectionOf"]>;
  readonly #connections = new Set<ServerConnection>();
  readonly #exchanges = new WeakMap<Request, ServerExchange>();
  /** The connections whose requests are passed on, by the port from which they come there. */
  readonly #tunnels = new Map<number, ServerConnection>();
  readonly #frames = new FrameMemory();
  #inner: TcpListener | undefined;
  #timer: Timer | undefined;
  #idle: PromiseWithResolvers<void> | undefined;
  #gone: PromiseWithResolvers<void> | undefined;

  /** @param servePlainly opens the listener for WebSockets, when the first one comes */
  constructor(
    { hostname, port, idleSeconds = 60, passed, tls }: TcpOptions,
    handle: RequestHandler,
    servePlainly: ServePlainly,
    { main, connectionOf, scheme }: ListenerPart = {},
  ) {
    this.#main = main;
    this.#connectionOf = connectionOf ?? ((socket, host) => new ServerConnection(socket, host));
    this.#handle = handle;
    this.#servePlainly = servePlainly;
    this.#idleSeconds = idleSeconds;
    this.idleTime = idleSeconds * 1000;
    this.#isPassed = passed !== undefined;
    this.openPorts = tls && (() => new Set(this.#connections.values().map((one) => one.port)));
    this.#listener = this.#listen(passed ? anyPort : { hostname, port }, tls);
    this.#adopted = passed && PassedListener.adopt(passed, this.#listener.port);
    const address = passed ?? { hostname, port: this.#listener.port };
    this.#address = { hostname: address.hostname, port: address.port };
    this.port = address.port;
    const host = address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname;
    this.#scheme = scheme ?? (tls ? "https" : "http");
    this.url = `${this.#scheme}://${host}:${this.port}`;
  }

  #listen(
    where: { hostname: string; port: number },
    tls: TlsMaterial | undefined,
  ): TCPSocketListener<ServerConnection> {
    return Bun.listen<ServerConnection>({
      ...where,
      ...(tls && { tls }),
      exclusive: true,
      // What a tunnel owes to a caller that has ended its side still goes out.
      allowHalfOpen: true,
      socket: {
        open: (socket) => this.#opened(socket),
        data: (socket, bytes) => socket.data.received(bytes),
        drain: (socket) => socket.data.drained(),
        // A connection of TLS that fails before its handshake has no data.
        end: (socket) => socket.data?.ended(),
        close: (socket) => socket.data?.closed(),
        error: (socket) => socket.data?.destroy(),
      },
    });
  }

  /**
   * Another listener with the new certificate takes the socket over. Connections keep the certificate that they have.
   *
   * @param descriptor another one of that socket
   */
  renew(tls: TlsMaterial, descriptor = listeningSocket(this.port)): void {
    const before = this.#listener;
    if (descriptor === undefined) {
      before.stop(false);
      this.#listener = this.#listen(this.#address, tls);
      return;
    }
    this.#listener = this.#listen(anyPort, tls);
    this.#adopted = PassedListener.adopt({ ...this.#address, descriptor }, this.#listener.port);
    before.stop(false);
  }

  #opened(socket: Socket<ServerConnection>): void {
    socket.setNoDelay(true);
    const connection = this.#connectionOf(socket, this);
    socket.data = connection;
    this.#connections.add(connection);
    this.#main?.busy.opened(connection.port);
    this.#timer ??= setInterval(() => this.#sweep(), Math.min(sweepInterval, this.idleTime / 2));
    this.#timer.unref();
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#connections) if (connection.deadline <= now) connection.expire();
  }

  after(milliseconds: number): number {
    return performance.now() + milliseconds;
  }

  passesOn(head: RequestHead): boolean {
    return this.#main ? this.#main.answers(head) : head.isUpgrade && head.method === "GET";
  }

  onOver({ connection: { port }, isUnderWay, isKnown }: ServerExchange): void {
    if (isUnderWay) this.#main?.busy.end(port, isKnown);
  }

  handle(exchange: ServerExchange): void {
    exchange.isUnderWay = true;
    this.#main?.busy.begin(exchange.connection.port);
    const light = isLight(exchange.head)
      ? new LightRequest(exchange, this.#scheme, this.#main !== undefined)
      : undefined;
    // Its handlers use nothing else of a `Request`, as their types say.
    const request = (light as CallRequest as Request | undefined) ?? webRequest(exchange, this.#scheme);
    // Nobody knows these methods, of which some would become others.
    if (request?.method !== exchange.head.method) return exchange.connection.refuse(400);
    this.#exchanges.set(request, exchange);
    void this.#respond(exchange, request);
  }

  async #respond(exchange: ServerExchange, request: Request): Promise<void> {
    try {
      const response = this.#handle(request);
      const sending = sendWebResponse(exchange, response instanceof Promise ? await response : response);
      if (sending) await sending;
    } catch (error) {
      const whole = error instanceof MainThreadCall && (request as LightRequest | Request);
      if (whole instanceof LightRequest && whole.kept) exchange.connection.passOn(whole.kept);
      else exchange.connection.refuse(500);
    }
  }

  openTunnel(connection: ServerConnection, bytes: Buffer): Tunnel {
    return this.#main
      ? this.#openToMain(this.#main, connection, bytes)
      : this.#openToInner(connection, bytes);
  }

  #openToMain(main: MainThread, connection: ServerConnection, bytes: Buffer): Tunnel {
    const nothing = () => {};
    const first = Buffer.concat([main.greeting(connection), bytes]);
    const tunnel = new Tunnel(connection, first, undefined, nothing, nothing);
    connect(tunnel, main.port);
    return tunnel;
  }

  #openToInner(connection: ServerConnection, bytes: Buffer): Tunnel {
    let port: number | undefined;
    const tunnel = new Tunnel(
      connection,
      bytes,
      this.#frames,
      (own) => {
        port = own;
        this.#tunnels.set(own, connection);
      },
      () => {
        if (port !== undefined) this.#tunnels.delete(port);
      },
    );
    try {
      this.#inner ??= this.#servePlainly(
        { hostname: "127.0.0.1", port: 0, idleSeconds: this.#idleSeconds },
        (request) => (this.#tunnelOf(request) ? this.#handle(request) : refused()),
      );
    } catch {
      // No descriptor is left.
      setImmediate(() => tunnel.lost());
      return tunnel;
    }
    connect(tunnel, this.#inner.port);
    return tunnel;
  }

  /** The connection whose request has come by a tunnel; undefined for one of another program. */
  #tunnelOf(request: Request): ServerConnection | undefined {
    const peer = this.#inner?.peerOf(request);
    return peer?.address === "127.0.0.1" ? this.#tunnels.get(peer.port) : undefined;
  }

  peerOf(request: Request): { address: string; port: number } | undefined {
    const connection = this.#exchanges.get(request)?.connection ?? this.#tunnelOf(request);
    const address = connection?.address;
    return address === undefined ? undefined : { address, port: connection!.port };
  }

  addressOf(request: Request): string | undefined {
    return this.peerOf(request)?.address;
  }

  upgrade(request: Request, handler: SocketHandler, headers: Record<string, string>): boolean {
    return this.#inner?.upgrade(request, handler, headers) ?? false;
  }

  /** Nothing to do: a quiet response has no limit here. */
  endQuiet(): void {}

  know(request: Request): void {
    const exchange = this.#exchanges.get(request);
    if (!exchange) return this.#inner?.know(request);
    if (!exchange.isKnown) this.#main?.busy.know(exchange.connection.port);
    exchange.isKnown = true;
  }

  readonly busyPorts = (): BusyPorts => {
    const ports = new Map<number, boolean>();
    const add = (port: number, isKnown: boolean) => ports.set(port, isKnown || ports.get(port) === true);
    for (const { exchange, port } of this.#connections) if (exchange) add(port, exchange.isKnown);
    for (const [port, isKnown] of this.#inner?.busyPorts() ?? []) {
      const connection = this.#tunnels.get(port);
      if (connection) add(connection.port, isKnown);
    }
    return ports;
  };

  async handOver(): Promise<void> {
    this.isLeaving = this.#isPassed;
    if (this.#isPassed) await this.#adopted?.handOver(this.busyPorts);
  }

  async drain(): Promise<void> {
    this.#listener.stop(false);
    this.isLeaving = true;
    this.#idle = Promise.withResolvers();
    for (const connection of this.#connections) connection.leave();
    this.onEnding();
    await Promise.all([this.#idle.promise, this.#inner?.drain()]);
  }

  async close(): Promise<void> {
    this.#listener.stop(false);
    for (const connection of this.#connections) if (!connection.tunnel) connection.destroy();
    // The words with which WebSockets were closed may still be on their way.
    this.#gone = Promise.withResolvers();
    if (this.#connections.size > 0) await within(lastWordsTime, this.#gone.promise);
    for (const connection of this.#connections) connection.destroy();
    this.#listener.stop(true);
    clearInterval(this.#timer);
    await this.#inner?.close();
  }

  onEnding(): void {
    if (!this.#idle) return;
    for (const connection of this.#connections) if (connection.owesResponse) return;
    this.#idle.resolve();
  }

  onGone(connection: ServerConnection): void {
    this.#connections.delete(connection);
    this.#main?.busy.closed(connection.port);
    this.onEnding();
    if (this.#connections.size > 0) return;
    this.#gone?.resolve();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** Connects a tunnel to a listener of this process. */
function connect(tunnel: Tunnel, port: number): void {
  try {
    Bun.connect({ hostname: "127.0.0.1", port, data: tunnel, socket: tunnelHandlers }).catch(() =>
      tunnel.lost(),
    );
  } catch {
    // No descriptor is left.
    setImmediate(() => tunnel.lost());
  }
}

/** Refuses a request of a program that is no tunnel. */
function refused(): Response {
  return new Response(null, { status: 403, headers: { connection: "close" } });
}
