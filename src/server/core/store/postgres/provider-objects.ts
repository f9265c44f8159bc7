import { and, desc, eq, isNotNull, lte, sql } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { Store } from "../types.ts";
import type { PostgresRun } from "./links.ts";
import { providerObjects } from "./schema.ts";

type ObjectQueries = Pick<
  Store,
  | "putProviderObject"
  | "providerObject"
  | "deleteProviderObject"
  | "pendingProviderObjects"
  | "bookProviderObject"
  | "pruneProviderObjects"
>;

/** The part of the store for what providers keep. */
export function providerObjectQueries(db: PostgresJsDatabase, guarded: PostgresRun): ObjectQueries {
  const { ownerId, id } = providerObjects;
  const one = (owner: string, wanted: string) => and(eq(ownerId, owner), eq(id, wanted));
  return {
    putProviderObject: (object) =>
      guarded(async () => {
        const target = [ownerId, id];
        await db.insert(providerObjects).values(object).onConflictDoUpdate({ target, set: object });
      }),

    providerObject: (owner, wanted) =>
      guarded(async () => {
        const [object] = await db.select().from(providerObjects).where(one(owner, wanted));
        return object ?? null;
      }),

    deleteProviderObject: (owner, gone) =>
      guarded(async () => void (await db.delete(providerObjects).where(one(owner, gone)))),

    pendingProviderObjects: (most) =>
      guarded(() =>
        db
          .select()
          .from(providerObjects)
          .where(isNotNull(providerObjects.pending))
          .orderBy(desc(providerObjects.at))
          .limit(most),
      ),

    bookProviderObject: (owner, ended) =>
      guarded(async () => {
        const mine = and(one(owner, ended), isNotNull(providerObjects.pending));
        const booked = await db.update(providerObjects).set({ pending: null }).where(mine).returning({ id });
        if (booked.length > 0) return true;
        return (await db.select({ id }).from(providerObjects).where(one(owner, ended))).length === 0;
      }),

    pruneProviderObjects: (now, most) =>
      guarded(async () => {
        await db.delete(providerObjects).where(lte(providerObjects.expiresAt, now));
        await db.execute(sql`
          delete from ${providerObjects} where ctid in (
            select ctid from (
              select ctid, row_number() over (partition by owner_id order by at desc, id desc) as place_of
              from ${providerObjects} where owner_id in (
                select owner_id from ${providerObjects} group by owner_id having count(*) > ${most})) as ranked
            where place_of > ${most})`);
      }),
  };
}
