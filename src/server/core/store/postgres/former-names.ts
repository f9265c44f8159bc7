import { and, asc, desc, eq, inArray, lt, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { FormerName, FormerNameQueries } from "../former-names.ts";
import type { PostgresRun } from "./links.ts";
import { formerNames } from "./schema.ts";

/** Keeps the name of a row that is deleted, in the transaction that deletes it. */
export async function keepName(db: Pick<PostgresJsDatabase, "insert">, former: FormerName): Promise<void> {
  await db.insert(formerNames).values(former).onConflictDoUpdate({ target: formerNames.id, set: former });
}

/** Compares with a list of any length, as one parameter. */
function among(column: PgColumn, values: readonly string[]): SQL {
  return sql`${column} in (select json_array_elements_text(${JSON.stringify(values)}::json))`;
}

/** The part of the store for the names of deleted rows. */
export function formerNameQueries(db: PostgresJsDatabase, guarded: PostgresRun): FormerNameQueries {
  const { id, kind, name, deletedAt } = formerNames;
  return {
    formerNames: (ids) =>
      guarded(async () => {
        const wanted = among(id, ids);
        return await db.select().from(formerNames).where(wanted);
      }),

    formerlyNamed: (wantedKind, names, most) =>
      guarded(async () => {
        const wanted = and(eq(kind, wantedKind), among(name, names));
        return await db
          .select()
          .from(formerNames)
          .where(wanted)
          .orderBy(desc(deletedAt), desc(id))
          .limit(most);
      }),

    trimFormerNames: (before, most) =>
      guarded(async () => {
        const old = db.select({ id }).from(formerNames).where(lt(deletedAt, before)).orderBy(asc(deletedAt));
        const gone = db.delete(formerNames).where(inArray(id, old.limit(most)));
        return (await gone.returning({ id })).length;
      }),
  };
}
