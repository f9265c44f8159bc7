import type { OpenConnection } from "./victims.ts";

/** Milliseconds in which a connection over TLS must have shaken hands (T377). */
const handshakeTime = 30_000;

/**
 * Connections over TLS that have not shaken hands: Bun tells a listener of none before, and so nothing else has a limit for
 * them.
 */
export class UnopenedConnections {
  readonly #openPorts: () => ReadonlySet<number>;
  readonly #longest: number;
  /** The times at which they were first seen, by address and port. */
  #since = new Map<string, number>();

  /**
   * @param openPorts the ports of the peers of connections that have shaken hands
   * @param idleTime milliseconds without a request after which a connection is closed
   */
  constructor(openPorts: () => ReadonlySet<number>, idleTime: number) {
    this.#openPorts = openPorts;
    this.#longest = Math.min(handshakeTime, idleTime);
  }

  /** Returns the connections whose handshake takes too long. Call it with all connections, again and again. */
  late(connections: readonly OpenConnection[], now: number): OpenConnection[] {
    const openPorts = this.#openPorts();
    const since = new Map<string, number>();
    const late = connections.filter(({ address, port }) => {
      if (openPorts.has(port)) return false;
      const key = `${address} ${port}`;
      const first = this.#since.get(key) ?? now;
      since.set(key, first);
      return now - first >= this.#longest;
    });
    this.#since = since;
    return late;
  }
}
