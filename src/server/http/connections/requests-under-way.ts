import { Bag } from "../../../bag.ts";
import type { SocketHandler } from "../../core/socket-handler.ts";
import type { BusyPorts } from "./victims.ts";

/** The requests and WebSockets of a listener that are under way. Their connections are not idle. */
export class RequestsUnderWay {
  readonly #requests = new Bag<{ request: Request; isKnown: boolean }>();
  readonly #sockets = new Map<SocketHandler, number>();

  begin(request: Request): void {
    this.#requests.add({ request, isKnown: false });
  }

  /** Notes that the caller of a request has shown a valid bearer. */
  know(request: Request): void {
    const found = this.#requests.find((one) => one.request === request);
    if (found) found.isKnown = true;
  }

  end(request: Request): void {
    this.#requests.deleteWhere((one) => one.request === request);
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
    for (const one of this.#requests) {
      const port = portOf(one.request);
      if (port === undefined) this.#requests.delete(one);
      else ports.set(port, one.isKnown || ports.get(port) === true);
    }
    for (const port of this.#sockets.values()) ports.set(port, true);
    return ports;
  }
}
