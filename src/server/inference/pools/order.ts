/** What tells the members of a pool apart when one is chosen. */
export interface Standing {
  /** Calls that it is answering. */
  inFlight: number;
  /** It takes no more at the moment. */
  isFull: boolean;
  /** It has failed of late. */
  isOut: boolean;
  /** Of an agent's llm, which has a machine to itself: `hibernating` must be woken first, `waking` is being. */
  agent?: "resident" | "cold" | "busy" | "waking" | "hibernating";
}

/**
 * The order in which the members of a pool are tried. An agent's llm that has its weights in memory and nothing to do
 * comes before one that must load them, and that before one that is busy; whoever is full is behind them, then those
 * that sleep, the one that is being woken first, and last those that have failed of late. Who is alike comes at random,
 * but of the first two the one with fewer calls ("the power of two random choices").
 */
export function inOrder<T>(
  members: readonly T[],
  standingOf: (member: T) => Standing,
  random: () => number,
): T[] {
  const order = members.map((member) => {
    const standing = standingOf(member);
    return { member, lot: random(), group: groupOf(standing), inFlight: standing.inFlight };
  });
  order.sort((a, b) => a.group - b.group || a.lot - b.lot);
  const [first, second] = order;
  if (first && second && first.group === second.group && second.inFlight < first.inFlight) {
    order[0] = second;
    order[1] = first;
  }
  return order.map(({ member }) => member);
}

const agentGroups = { resident: 0, cold: 1, busy: 2, waking: 4, hibernating: 5 } as const;

function groupOf({ isFull, isOut, agent }: Standing): number {
  if (isOut) return 6;
  const group = agentGroups[agent ?? "resident"];
  return isFull ? Math.max(3, group) : group;
}
