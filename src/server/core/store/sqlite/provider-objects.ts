import { and, desc, eq, isNotNull, lte, sql } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import type { Store } from "../types.ts";
import type { SqliteRun } from "./links.ts";
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
export function providerObjectQueries(
  db: BunSQLiteDatabase,
  guarded: SqliteRun,
  writing: SqliteRun,
): ObjectQueries {
  const { ownerId, id } = providerObjects;
  const one = (owner: string, wanted: string) => and(eq(ownerId, owner), eq(id, wanted));
  return {
    putProviderObject: (object) =>
      writing(() => {
        const target = [ownerId, id];
        db.insert(providerObjects).values(object).onConflictDoUpdate({ target, set: object }).run();
      }),

    providerObject: (owner, wanted) =>
      guarded(() => db.select().from(providerObjects).where(one(owner, wanted)).get() ?? null),

    deleteProviderObject: (owner, gone) =>
      writing(() => void db.delete(providerObjects).where(one(owner, gone)).run()),

    pendingProviderObjects: (most) =>
      guarded(() =>
        db
          .select()
          .from(providerObjects)
          .where(isNotNull(providerObjects.pending))
          .orderBy(desc(providerObjects.at))
          .limit(most)
          .all(),
      ),

    bookProviderObject: (owner, ended) =>
      writing(() => {
        const mine = and(one(owner, ended), isNotNull(providerObjects.pending));
        const booked = db.update(providerObjects).set({ pending: null }).where(mine).returning({ id }).all();
        return booked.length > 0 || !db.select({ id }).from(providerObjects).where(one(owner, ended)).get();
      }),

    pruneProviderObjects: (now, most) =>
      writing(() => {
        db.delete(providerObjects).where(lte(providerObjects.expiresAt, now)).run();
        db.run(sql`
          delete from ${providerObjects} where rowid in (
            select rowid from (
              select rowid, row_number() over (partition by owner_id order by at desc, id desc) as place_of
              from ${providerObjects} where owner_id in (
                select owner_id from ${providerObjects} group by owner_id having count(*) > ${most}))
            where place_of > ${most})`);
      }),
  };
}
