import { token } from "../../../kinds/token.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { isOf, type RowOf } from "../store/typed-rows.ts";
import { isAdministrator, mayRun, type Principal } from "./policy.ts";

/**
 * True if a principal may get a new bearer of a token: a user of its own, a token that may make tokens of itself and of
 * those that it has made. Another token of the same user may have more rights (T250).
 *
 * @param makers the ids of the tokens that made it
 */
export function mayRotate(
  principal: Principal,
  row: RowOf<"token">,
  makers: readonly string[],
  mayCreate: boolean,
): boolean {
  if (principal.impersonator || row.owner !== principal.userId) return false;
  return principal.kind === "User" || (mayCreate && [row.id, ...makers].includes(principal.id));
}

/** True for a token whose bearer an administrator got in place of its user, and for the tokens that such a one made. */
export function isGivenOut(
  { byId }: Snapshot,
  { id, makers = [] }: Pick<Principal, "id" | "makers">,
): boolean {
  return [id, ...makers].some((one) => {
    const row = byId.get(one);
    return isOf(token, row) && row.status.givenBy !== undefined;
  });
}

/** True if a principal may act as others, without whom the tokens of other users are never given out (T250). */
export function mayActForOthers(principal: Principal): boolean {
  return (
    principal.kind === "User" &&
    !principal.impersonator &&
    isAdministrator(principal) &&
    mayRun(principal, "impersonate")
  );
}
