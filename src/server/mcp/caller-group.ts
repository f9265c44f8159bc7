import { personalIds } from "../core/access/policy.ts";
import type { McpServerRow } from "../core/store/typed-rows.ts";
import type { McpCaller, ServerNotice } from "./types.ts";

/** The part of the callers that share instances of a server. */
export interface CallerGroup {
  /** "" for all callers. */
  key: string;
  principalId: string;
  userId: string;
  session?: string;
}

/** The group of the instances that all callers share. */
export const everybody: CallerGroup = { key: "", principalId: "", userId: "" };

/** Returns the group of a caller. */
export function groupOf(sharing: McpServerRow["spec"]["sharing"], caller: McpCaller): CallerGroup {
  const { id: principalId, userId } = personalIds(caller.principal);
  if (sharing === "shared") return everybody;
  if (sharing === "principal") return { key: principalId, principalId, userId };
  // The id of a session alone does not prove who uses it.
  return { key: `${principalId} ${caller.session}`, principalId, userId, session: caller.session };
}

/** True if a message that a server sends by itself concerns the callers of a group. */
export function concerns(notice: ServerNotice, group: CallerGroup): boolean {
  if (!notice.for) return true;
  const { principalId, session } = notice.for;
  return principalId === group.principalId && (session === undefined || session === group.session);
}
