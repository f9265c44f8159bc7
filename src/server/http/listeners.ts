import type { SocketHandler } from "../core/socket-handler.ts";
import type { ConnectionCounts, ConnectionLimiter } from "./connections/connection-limiter.ts";
import type { TrustedProxies } from "./connections/trusted-proxies.ts";
import type { Listener, TcpListener, TlsMaterial } from "./listener.ts";
import type { Peer } from "./route.ts";

/** The listeners of one server: one for TCP, and one for the Unix socket where there is one. */
export class Listeners {
  readonly #byPeer = new Map<Peer, Listener>();
  readonly #proxies: TrustedProxies;
  #tcp: TcpListener | undefined;
  /** Limits the connections over TCP, where the system lets a process see them. */
  limiter: ConnectionLimiter | undefined;

  constructor(proxies: TrustedProxies) {
    this.#proxies = proxies;
  }

  addTcp(listener: TcpListener): void {
    this.#tcp = listener;
    this.#byPeer.set("tcp", listener);
  }

  addUnix(listener: Listener): void {
    this.#byPeer.set("unix", listener);
  }

  /** The URLs that are listened on, that of TCP first. */
  get urls(): string[] {
    return this.#all.map(({ url }) => url);
  }

  /** The connections over TCP; undefined where the system does not let a process see them. */
  get connections(): ConnectionCounts | undefined {
    return this.limiter?.counts;
  }

  /**
   * The address that a request over TCP comes from, also behind a trusted proxy; undefined on the Unix socket, and when the
   * caller has gone.
   */
  addressOf(request: Request): string | undefined {
    const address = this.#tcp?.addressOf(request);
    return address && this.#proxies.callerOf(address, request.headers.get("x-forwarded-for"));
  }

  /**
   * Makes a request a WebSocket, which opens before this returns.
   *
   * @param peer the listener that the request came to
   * @param headers of the response
   * @returns false if the request cannot become a WebSocket
   */
  upgrade(request: Request, peer: Peer, handler: SocketHandler, headers: Record<string, string>): boolean {
    return this.#byPeer.get(peer)?.upgrade(request, handler, headers) ?? false;
  }

  /** Ends the quiet time that a streamed response may have. Call it before the last bytes are sent. */
  endQuiet(request: Request, peer: Peer): void {
    this.#byPeer.get(peer)?.endQuiet(request);
  }

  /** Notes that the caller of a request over TCP has shown a valid bearer. */
  know(request: Request): void {
    this.#tcp?.know(request);
  }

  /** Uses another certificate for new connections over TCP. */
  async renew(tls: TlsMaterial): Promise<void> {
    await this.#tcp?.renew(tls);
    this.limiter?.followListener();
  }

  /** Leaves new connections to the next server, where systemd keeps the socket for it. */
  async handOver(): Promise<void> {
    // It accepts what waits, and would go on.
    this.limiter?.close();
    await this.#tcp?.handOver();
  }

  /** Takes no new connections; resolves when all requests are answered. */
  async drain(): Promise<void> {
    await Promise.all(this.#all.map((listener) => listener.drain()));
  }

  /** Ends the connections that are still open. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map((listener) => listener.close()));
  }

  get #all(): Listener[] {
    return [...this.#byPeer.values()];
  }
}
