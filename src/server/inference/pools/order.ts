/** The state of a member of a pool, which decides its place in the order. */
export interface MemberState {
  /** Calls that it is answering. */
  inFlight: number;
  /** It accepts no more calls at the moment. */
  isFull: boolean;
  /** It failed recently, and is in its cool-down. */
  isCoolingDown: boolean;
  /**
   * Of an llm that a workstation agent publishes. `resident`: its weights are in memory, and it has no calls. `cold`:
   * it must load its weights. `waking`: it is being woken. `hibernating`: it must be woken first.
   */
  atAgent?: "resident" | "cold" | "busy" | "waking" | "hibernating" | undefined;
}

/**
 * Returns the members of a pool in the order in which they are tried: by group, as in `groupOf`, and at random within
 * a group. Of the first two of a group, the one with fewer calls comes first ("the power of two random choices").
 */
export function inOrder<T>(
  members: readonly T[],
  stateOf: (member: T) => MemberState,
  random: () => number,
): T[] {
  const order = members.map((member) => {
    const state = stateOf(member);
    return { member, lot: random(), group: groupOf(state), inFlight: state.inFlight };
  });
  order.sort((a, b) => a.group - b.group || a.lot - b.lot);
  const [first, second] = order;
  if (first && second && first.group === second.group && second.inFlight < first.inFlight) {
    order[0] = second;
    order[1] = first;
  }
  return order.map(({ member }) => member);
}

const groups = { resident: 0, cold: 1, busy: 2, waking: 4, hibernating: 5 } as const;

/** Members that can answer at once come first, then full ones, sleeping ones, and last those in their cool-down. */
function groupOf({ isFull, isCoolingDown, atAgent }: MemberState): number {
  if (isCoolingDown) return 6;
  const group = groups[atAgent ?? "resident"];
  return isFull ? Math.max(3, group) : group;
}
