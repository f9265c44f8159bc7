import { eq, sql } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { Store } from "../types.ts";
import { providerSessions } from "./schema.ts";

/** Runs work and turns its failures into StoreErrors. */
export type Run = <T>(work: () => Promise<T>) => Promise<T>;

/** What the store knows of agents' sessions. Nobody else's order depends on them, so that they wait for no lock. */
export function linkQueries(
  db: PostgresJsDatabase,
  answer: Run,
): Pick<
  Store,
  "providerSessions" | "addProviderSession" | "raiseEpoch" | "touchProviderSessions" | "deleteProviderSession"
> {
  const { id, epoch } = providerSessions;
  return {
    providerSessions: () => answer(async () => await db.select().from(providerSessions)),

    addProviderSession: (session) =>
      answer(async () => void (await db.insert(providerSessions).values(session))),

    raiseEpoch: (wanted, change) =>
      answer(async () => {
        const raised = db.update(providerSessions).set({ ...change, epoch: sql`${epoch} + 1` });
        const [session] = await raised.where(eq(id, wanted)).returning();
        return session ?? null;
      }),

    touchProviderSessions: (seen) =>
      answer(async () => {
        await db.execute(sql`
          update ${providerSessions} set seen_at = seen.value::bigint
          from json_each_text(${JSON.stringify(Object.fromEntries(seen))}::json) as seen
          where ${id} = seen.key and ${providerSessions.seenAt} < seen.value::bigint`);
      }),

    deleteProviderSession: (gone) =>
      answer(async () => void (await db.delete(providerSessions).where(eq(id, gone)))),
  };
}
