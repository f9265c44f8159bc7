import type { Snapshot } from "../store/snapshot.ts";
import { compilePolicy, type Principal } from "./policy.ts";
import { isStillValid, principalAt, userPrincipal } from "./principals.ts";

/** The facts by which another server of mcpctl finds a principal. Its rights are not among them. */
export type PrincipalFacts = Omit<Principal, "groups" | "policies" | "publishes">;

export function factsOf({ groups: _, policies: __, publishes: ___, ...facts }: Principal): PrincipalFacts {
  return facts;
}

/**
 * Returns the principal with the rights that it has in a snapshot; undefined if its user, session or token is not valid
 * there.
 *
 * @param now milliseconds since 1970
 */
export function principalFrom(snapshot: Snapshot, facts: PrincipalFacts, now: number): Principal | undefined {
  const publishes = userPrincipal(snapshot, facts.userId)?.publishes;
  const principal = { ...facts, groups: [], policies: [compilePolicy([])], ...(publishes && { publishes }) };
  return isStillValid(snapshot, principal, now) ? principalAt(snapshot, principal) : undefined;
}
