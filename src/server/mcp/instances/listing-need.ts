import { authorizationsOf, isSharedAuthorization } from "../../core/catalogue/mcp-authorizations.ts";
import { hasUserKeys } from "../../core/catalogue/user-keys.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import { type CallerGroup, everybody } from "../caller-group.ts";

/** True if projects need the lists of a server, and they are not known or not offered. */
export function lacksListing({ name, status }: McpServerRow, snapshot: Snapshot): boolean {
  const isKnown = status.listedAt !== undefined && status.baseline !== undefined;
  if (isKnown && status.state !== "failed") return false;
  return snapshot.table("serverattachment").sorted.some((attachment) => attachment.name === name);
}

/**
 * Returns the callers for whom an instance is started to list what a server has: nobody in particular, or one of the users
 * who gave it access, where each has an access or a key of their own. Undefined if none has.
 */
export function listingGroup(server: McpServerRow, snapshot: Snapshot): CallerGroup | undefined {
  const known = authorizationsOf(snapshot, server.id);
  const needsUser = hasUserKeys(server.spec) || known.length > 0;
  if (isSharedAuthorization(server) || !needsUser) return everybody;
  const userId = known.find(({ status }) => status.state === "authorized")?.status.userId;
  return userId === undefined ? undefined : userGroup(userId);
}

/** Returns the callers that share an access: a user, or for `""` everybody. */
export function userGroup(userId: string): CallerGroup {
  return userId === "" ? everybody : { key: userId, principalId: userId, userId };
}
