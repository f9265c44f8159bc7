import type { InstanceLease } from "../core/store/cluster-store.ts";

/** A call to an instance of another node costs a little more than one here. */
const away = 0.5;

/**
 * Returns the lease of the instance that a call goes to: of the shared ones of a server, the one with the fewest calls.
 *
 * @param self the id of this node
 */
export function chooseLease(
  leases: readonly InstanceLease[],
  self: string | undefined,
  loadOf: (lease: InstanceLease) => number,
): InstanceLease | undefined {
  let best: InstanceLease | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const lease of leases) {
    const cost = loadOf(lease) + (lease.nodeId === self ? 0 : away);
    if (cost < least) [best, least] = [lease, cost];
  }
  return best;
}

/**
 * Returns the number of an instance that this node is to take: one that belongs to nobody, where others run already, and
 * as long as this node has not got its share.
 */
export function missingNumber(
  leases: readonly InstanceLease[],
  replicas: number,
  self: string | undefined,
  nodes: number,
): number | undefined {
  const own = leases.filter(({ nodeId }) => nodeId === self).length;
  if (leases.length === 0 || self === undefined || own >= Math.ceil(replicas / Math.max(1, nodes)))
    return undefined;
  for (let number = 1; number <= replicas; number++)
    if (!leases.some((lease) => lease.number === number)) return number;
  return undefined;
}
