import { clientGrant } from "../../../../kinds/client-grant.ts";
import type { Snapshot } from "../../store/snapshot.ts";
import type { ClientGrantRow } from "../../store/typed-rows.ts";
import type { Write } from "../../store/types.ts";
import type { Hooks } from "../hooks.ts";
import { minuteOf } from "../minute-of.ts";

export const clientGrantHooks: Hooks<ClientGrantRow> = {
  status({ id, status, createdAt }, { snapshot, now }) {
    const used = snapshot.volatile.lastUsed.get(id);
    const { host, protocol } = new URL(status.redirectUri);
    return {
      client: status.clientName,
      clientId: status.clientId,
      project: snapshot.nameOf(status.projectId),
      redirectTo: /^https?:$/.test(protocol) ? host : protocol,
      status: status.until <= now ? "expired" : status.refreshHash === undefined ? "pending" : "active",
      lastUsedAt: used === undefined ? null : minuteOf(used, createdAt),
      expiresAt: new Date(status.until).toISOString(),
    };
  },
};

/** Returns the writes that end the access of MCP clients: all that a user gave, or all to a project. */
export function endGrants(snapshot: Snapshot, of: { userId: string } | { projectId: string }): Write[] {
  return snapshot
    .table(clientGrant.kind)
    .sorted.filter(({ owner, status }) =>
      "userId" in of ? owner === of.userId : status.projectId === of.projectId,
    )
    .map(({ id, version }) => ({ op: "delete", id, version }));
}
