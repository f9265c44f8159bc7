import type { SocketHandler } from "../../core/socket-handler.ts";
import type { BusyPorts } from "./victims.ts";

/** The requests and WebSockets of a listener that are under way. Their connections are not idle. */
export class RequestsUnderWay {
  /** The value is true if the caller is known. */
  readonly #requests = new Map<Request, boolean>();
  readonly #sockets = new Map<SocketHandler, number>();

  begin(request: Request): void {
    this.#requests.set(request, false);
  }

  /** Notes that the caller of a request has shown a valid bearer. */
  know(request: Request): void {
    if (this.#requests.has(request)) this.#requests.set(request, true);
  }

  end(request: Request): void {
    this.#requests.delete(request);
  }

  /** @param port the port of the peer */
  addSocket(handler: SocketHandler, port: number): void {
    this.#sockets.set(handler, port);
  }

  removeSocket(handler: SocketHandler): void {
    this.#sockets.delete(handler);
  }

  /**
   * Returns the ports of the peers, and forgets streams that have ended. Two addresses can have the same port: then a known
   * caller counts, so that nobody else takes the place of one.
   *
   * @param portOf returns the port of the peer of a request; undefined when the request has ended
   */
  ports(portOf: (request: Request) => number | undefined): BusyPorts {
    const ports = new Map<number, boolean>();
    for (const [request, isKnown] of this.#requests) {
      const port = portOf(request);
      if (port === undefined) this.#requests.delete(request);
      else ports.set(port, isKnown || ports.get(port) === true);
    }
    for (const port of this.#sockets.values()) ports.set(port, true);
    return ports;
  }
}
