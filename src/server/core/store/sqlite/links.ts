import { eq, sql } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import type { WriteCondition } from "../conditions.ts";
import type { Store } from "../types.ts";
import { providerSessions } from "./schema.ts";

/** Runs work in one transaction, or as a read, and throws its errors as StoreError. */
export type SqliteRun = <T>(work: () => T) => Promise<T>;

/** Runs work in one transaction, if conditions hold in it. */
export type SqliteRunIf = <T>(conditions: readonly WriteCondition[], work: () => T) => Promise<T>;

/** The part of the store for sessions of workstation agents. */
export function linkQueries(
  db: BunSQLiteDatabase,
  guarded: SqliteRun,
  writing: SqliteRun,
  writingIf: SqliteRunIf,
): Pick<
  Store,
  "providerSessions" | "addProviderSession" | "raiseEpoch" | "touchProviderSessions" | "deleteProviderSession"
> {
  const { id, epoch } = providerSessions;
  return {
    providerSessions: () => guarded(() => db.select().from(providerSessions).all()),

    addProviderSession: (session, ...conditions) =>
      writingIf(conditions, () => void db.insert(providerSessions).values(session).run()),

    raiseEpoch: (wanted, change) =>
      writing(() => {
        const raised = db.update(providerSessions).set({ ...change, epoch: sql`${epoch} + 1` });
        return raised.where(eq(id, wanted)).returning().get() ?? null;
      }),

    touchProviderSessions: (seen) =>
      writing(() => {
        db.run(sql`
          update ${providerSessions} set seen_at = seen.value
          from json_each(${JSON.stringify(Object.fromEntries(seen))}) as seen
          where ${id} = seen.key and ${providerSessions.seenAt} < seen.value`);
      }),

    deleteProviderSession: (gone) =>
      writing(() => void db.delete(providerSessions).where(eq(id, gone)).run()),
  };
}
