import type { Standing } from "../store/conditions.ts";
import type { Principal } from "./policy.ts";

/**
 * Returns the condition of the writes of a principal: that its users, tokens and login sessions still exist at the moment of
 * the commit (T350). `isStillValid` asks the same of the snapshot, which a write may be behind by then. None for the server
 * itself.
 */
export function standing(principal: Principal): Standing[] {
  const { id, userId, sessionId, makers = [], impersonator, bearer } = principal;
  if (id === "") return [];
  const acting = impersonator ? [impersonator.id, impersonator.userId] : [];
  const sessions = [sessionId, impersonator?.sessionId].filter((one) => typeof one === "string");
  const rows = [...new Set([id, userId, ...makers, ...acting])];
  return [{ op: "ifStanding", rows, sessions, ...(bearer !== undefined && { bearer }) }];
}
