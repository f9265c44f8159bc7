/** What tells the members of a pool apart when one is chosen. */
export interface Standing {
  /** Calls that it is answering. */
  inFlight: number;
  /** It takes no more at the moment. */
  isFull: boolean;
  /** It has failed of late. */
  isOut: boolean;
}

/**
 * The order in which the members of a pool are tried: at random, but of the first two the one with fewer calls
 * ("the power of two random choices"), behind them those that are full, and last those that are out.
 */
export function inOrder<T>(
  members: readonly T[],
  standingOf: (member: T) => Standing,
  random: () => number,
): T[] {
  const order = members.map((member) => ({ member, lot: random(), ...standingOf(member) }));
  order.sort((a, b) => groupOf(a) - groupOf(b) || a.lot - b.lot);
  const [first, second] = order;
  if (first && second && groupOf(first) === groupOf(second) && second.inFlight < first.inFlight) {
    order[0] = second;
    order[1] = first;
  }
  return order.map(({ member }) => member);
}

function groupOf({ isFull, isOut }: Standing): number {
  return isOut ? 2 : isFull ? 1 : 0;
}
