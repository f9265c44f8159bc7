import { and, eq, sql } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { ClusterStore, InstanceLease } from "../cluster-store.ts";
import { StoreError } from "../types.ts";
import type { PostgresRun } from "./links.ts";
import { clusterInstances, clusterNodes, resources } from "./schema.ts";

/** Claims of two instances at once can choose the same number. */
const claimAttempts = 5;

/** The nodes of a PostgreSQL database, and what belongs to them. They have no revisions, and so need no writer's lock. */
export function clusterQueries(db: PostgresJsDatabase, guarded: PostgresRun): ClusterStore {
  const { serverId, slot, number, nodeId } = clusterInstances;

  async function find(server: string, wanted: string): Promise<InstanceLease | undefined> {
    const which = and(eq(serverId, server), eq(slot, wanted));
    return (await db.select().from(clusterInstances).where(which))[0];
  }

  return {
    join: (node) => guarded(async () => void (await db.insert(clusterNodes).values(node))),

    renew: (id) =>
      guarded(async () => {
        const renewed = db.update(clusterNodes).set({ beat: sql`${clusterNodes.beat} + 1` });
        return (await renewed.where(eq(clusterNodes.id, id)).returning({ id: clusterNodes.id })).length > 0;
      }),

    evict: (id, beat) =>
      guarded(async () => {
        const which = and(eq(clusterNodes.id, id), eq(clusterNodes.beat, beat));
        await db.delete(clusterNodes).where(which);
        return (await db.select().from(clusterNodes).where(eq(clusterNodes.id, id))).length === 0;
      }),

    leave: (id) => guarded(async () => void (await db.delete(clusterNodes).where(eq(clusterNodes.id, id)))),

    clusterState: () =>
      guarded(async () => ({
        // In this order: a lease whose node is not in the list is newer than the list.
        nodes: await db.select().from(clusterNodes),
        leases: await db.select().from(clusterInstances),
      })),

    claimInstance: (node, server, wanted, fixed) =>
      guarded(async () => {
        const free = sql`(
          select min(n) from generate_series(1, 100000) as n
          where not exists (select 1 from ${clusterInstances} where ${serverId} = ${server} and ${number} = n))`;
        for (let attempt = 0; attempt < claimAttempts; attempt++) {
          const found = await find(server, wanted);
          if (found) return found;
          const claimed = await db.execute(sql`
            insert into ${clusterInstances} ("server_id", "slot", "number", "node_id")
            select ${server}, ${wanted}, ${fixed === undefined ? free : sql`${fixed}::bigint`}, ${clusterNodes.id}
            from ${clusterNodes}
            where ${clusterNodes.id} = ${node}
              and exists (select 1 from ${resources} where ${resources.id} = ${server})
            on conflict do nothing returning "slot"`);
          const own = await find(server, wanted);
          if (own) return own;
          const isHere = await db
            .select({ id: clusterNodes.id })
            .from(clusterNodes)
            .where(eq(clusterNodes.id, node));
          const isKnown = await db
            .select({ id: resources.id })
            .from(resources)
            .where(eq(resources.id, server));
          if (claimed.length === 0 && (isHere.length === 0 || isKnown.length === 0)) return undefined;
        }
        throw new StoreError("unavailable", { reason: "another instance of the server has that number" });
      }),

    releaseInstance: (lease) =>
      guarded(async () => {
        const own = and(eq(nodeId, lease.nodeId), eq(clusterInstances.epoch, lease.epoch));
        await db.delete(clusterInstances).where(and(eq(serverId, lease.serverId), eq(slot, lease.slot), own));
      }),
  };
}
