import type { BusyPorts } from "./victims.ts";

const ports = 65_536;

/**
 * The connections of several threads, and their requests under way, by the port of the peer. Two addresses may have the
 * same port.
 */
export class BusyPortCounts {
  /** By this the counts of one thread are those of another. */
  readonly memory: SharedArrayBuffer;
  readonly #open: Uint16Array;
  readonly #known: Uint16Array;
  readonly #connections: Uint16Array;

  constructor(memory = new SharedArrayBuffer(3 * 2 * ports)) {
    this.memory = memory;
    this.#open = new Uint16Array(memory, 0, ports);
    this.#known = new Uint16Array(memory, 2 * ports, ports);
    this.#connections = new Uint16Array(memory, 4 * ports, ports);
  }

  /** Notes that a connection is open. */
  opened(port: number): void {
    Atomics.add(this.#connections, port, 1);
  }

  /** Notes that a connection is closed, for which `opened` was called. */
  closed(port: number): void {
    Atomics.sub(this.#connections, port, 1);
  }

  /** Returns the ports of all connections that are open. */
  openPorts(): Set<number> {
    const open = new Set<number>();
    for (let port = 0; port < ports; port++) if (this.#connections[port]! > 0) open.add(port);
    return open;
  }

  begin(port: number): void {
    Atomics.add(this.#open, port, 1);
  }

  /** Notes that the caller of a request has shown a valid bearer. */
  know(port: number): void {
    Atomics.add(this.#known, port, 1);
  }

  /** @param isKnown true if `know` was called for the request */
  end(port: number, isKnown: boolean): void {
    Atomics.sub(this.#open, port, 1);
    if (isKnown) Atomics.sub(this.#known, port, 1);
  }

  /** Adds what is under way to a map of ports. */
  addTo(busy: Map<number, boolean>): BusyPorts {
    for (let port = 0; port < ports; port++)
      if (this.#open[port]! > 0) busy.set(port, this.#known[port]! > 0 || busy.get(port) === true);
    return busy;
  }
}
