/** One connection over TCP. */
export interface OpenConnection {
  descriptor: number;
  /** IPv4, or IPv6 in eight groups. */
  address: string;
  /** The port of the peer. */
  port: number;
  /** Milliseconds since something was sent or received. */
  idle: number;
  /** True if something that the peer sent has not been read: the server comes to it in its next turn. */
  hasUnread: boolean;
  /** True if the peer does not acknowledge what was sent. */
  hasVanished: boolean;
}

/** Milliseconds in which a new connection is not closed for others. */
const graceMs = 25;

/** The state of the requests under way, by the port of the peer: true if the caller is known. */
export type BusyPorts = ReadonlyMap<number, boolean>;

/**
 * Returns the connections that are closed because their address has too many: idle ones first, the longest idle one
 * before the others.
 *
 * @param isExempt true for an address that may have any number
 */
export function overLimit(
  connections: readonly OpenConnection[],
  busy: BusyPorts,
  { maxPerAddress, isExempt }: { maxPerAddress: number; isExempt(address: string): boolean },
): OpenConnection[] {
  const victims: OpenConnection[] = [];
  if (connections.length <= maxPerAddress) return victims;
  for (const [, group] of Map.groupBy(connections, ({ address }) => networkOf(address))) {
    if (group.length <= maxPerAddress || isExempt(group[0]!.address)) continue;
    const order = group.toSorted((a, b) => rank(a, busy) - rank(b, busy) || b.idle - a.idle);
    victims.push(...order.slice(0, group.length - maxPerAddress));
  }
  return victims;
}

/**
 * Returns the connections that are closed when descriptors run out: those without a request, the longest idle first,
 * then those whose caller is not known. A request of a known caller is not ended, nor one that waits to be read, and a
 * new connection gets time to send its request.
 */
export function mostIdle(
  connections: readonly OpenConnection[],
  busy: BusyPorts,
  count: number,
): OpenConnection[] {
  return connections
    .filter((one) => one.idle >= graceMs && busy.get(one.port) !== true && !isWaiting(one, busy))
    .sort((a, b) => rank(a, busy) - rank(b, busy) || b.idle - a.idle)
    .slice(0, Math.max(0, count));
}

/** Returns the address for which connections are counted: of IPv6 the /64, which belongs to one network. */
export function networkOf(address: string): string {
  return address.includes(":") ? address.split(":").slice(0, 4).join(":") : address;
}

/** True if a request may have come that the server has not seen. It may have waited for longer than any grace. */
function isWaiting({ port, hasUnread }: OpenConnection, busy: BusyPorts): boolean {
  return hasUnread && !busy.has(port);
}

/** 0 without a request, 1 with one of an unknown caller, 2 with one of a known caller. */
function rank(connection: OpenConnection, busy: BusyPorts): number {
  if (busy.get(connection.port) === true) return 2;
  return busy.has(connection.port) || isWaiting(connection, busy) ? 1 : 0;
}
