import { and, asc, desc, eq, inArray, lt, type SQL, sql } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import type { FormerName, FormerNameQueries } from "../former-names.ts";
import type { SqliteRun } from "./links.ts";
import { formerNames } from "./schema.ts";

/** Keeps the name of a row that is deleted, in the transaction that deletes it. */
export function keepName(db: BunSQLiteDatabase, former: FormerName): void {
  db.insert(formerNames).values(former).onConflictDoUpdate({ target: formerNames.id, set: former }).run();
}

/** Compares with a list of any length, as one parameter. */
function among(column: SQLiteColumn, values: readonly string[]): SQL {
  return sql`${column} in (select value from json_each(${JSON.stringify(values)}))`;
}

/** The part of the store for the names of deleted rows. */
export function formerNameQueries(
  db: BunSQLiteDatabase,
  guarded: SqliteRun,
  writing: SqliteRun,
): FormerNameQueries {
  const { id, kind, name, deletedAt } = formerNames;
  return {
    formerNames: (ids) =>
      guarded(() => {
        const wanted = among(id, ids);
        return db.select().from(formerNames).where(wanted).all();
      }),

    formerlyNamed: (wantedKind, names, most) =>
      guarded(() => {
        const wanted = and(eq(kind, wantedKind), among(name, names));
        return db
          .select()
          .from(formerNames)
          .where(wanted)
          .orderBy(desc(deletedAt), desc(id))
          .limit(most)
          .all();
      }),

    trimFormerNames: (before, most) =>
      writing(() => {
        const old = db.select({ id }).from(formerNames).where(lt(deletedAt, before)).orderBy(asc(deletedAt));
        return db
          .delete(formerNames)
          .where(inArray(id, old.limit(most)))
          .returning({ id })
          .all().length;
      }),
  };
}
