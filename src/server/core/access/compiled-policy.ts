import type { Row } from "../store/types.ts";
import { compilePolicy, type Policy } from "./policy.ts";
import { type GrantRow, grantsOf } from "./row-grants.ts";

/** The policy of a user or token, and the rows whose grants are in it. */
interface CompiledPolicy {
  from: readonly GrantRow[];
  policy: Policy;
}

const known = new WeakMap<Row, CompiledPolicy>();

/**
 * Returns the policy of a user or token. It stays the same object over all snapshots in which the rows with its grants are
 * the same: each write makes a snapshot, and each watch then compares the rights of its principal (T292).
 *
 * @param from the bindings and the token with the grants
 */
export function policyFrom(holder: Row, from: readonly GrantRow[]): Policy {
  const last = known.get(holder);
  if (last && last.from.length === from.length && last.from.every((row, i) => row === from[i]))
    return last.policy;
  const policy = compilePolicy(from.flatMap(grantsOf));
  known.set(holder, { from, policy });
  return policy;
}
