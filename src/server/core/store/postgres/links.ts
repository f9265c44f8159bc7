import { eq, sql } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { WriteCondition } from "../conditions.ts";
import type { Store } from "../types.ts";
import { providerSessions } from "./schema.ts";

/** Runs work, and throws its errors as StoreError. */
export type PostgresRun = <T>(work: () => Promise<T>) => Promise<T>;

/** Runs work in one transaction, if conditions hold in it. */
export type PostgresRunIf = <T>(
  conditions: readonly WriteCondition[],
  work: (db: Pick<PostgresJsDatabase, "insert">) => Promise<T>,
) => Promise<T>;

/** The part of the store for sessions of workstation agents. They have no revisions, and so need no writer's lock. */
export function linkQueries(
  db: PostgresJsDatabase,
  guarded: PostgresRun,
  writingIf: PostgresRunIf,
): Pick<
  Store,
  "providerSessions" | "addProviderSession" | "raiseEpoch" | "touchProviderSessions" | "deleteProviderSession"
> {
  const { id, epoch } = providerSessions;
  return {
    providerSessions: () => guarded(async () => await db.select().from(providerSessions)),

    addProviderSession: (session, ...conditions) =>
      writingIf(conditions, async (queries) => void (await queries.insert(providerSessions).values(session))),

    raiseEpoch: (wanted, change) =>
      guarded(async () => {
        const raised = db.update(providerSessions).set({ ...change, epoch: sql`${epoch} + 1` });
        const [session] = await raised.where(eq(id, wanted)).returning();
        return session ?? null;
      }),

    touchProviderSessions: (seen) =>
      guarded(async () => {
        await db.execute(sql`
          update ${providerSessions} set seen_at = seen.value::bigint
          from json_each_text(${JSON.stringify(Object.fromEntries(seen))}::json) as seen
          where ${id} = seen.key and ${providerSessions.seenAt} < seen.value::bigint`);
      }),

    deleteProviderSession: (gone) =>
      guarded(async () => void (await db.delete(providerSessions).where(eq(id, gone)))),
  };
}
