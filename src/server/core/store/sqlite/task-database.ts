import { sql } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import type { TaskDatabase } from "../task-queries.ts";
import type { SqliteRun, SqliteRunIf } from "./links.ts";

/**
 * Returns the access of the task queries to the file.
 *
 * @param wrote gets the number of rows that a transaction has changed, beside the transaction itself
 */
export function taskDatabase(
  db: BunSQLiteDatabase,
  guarded: SqliteRun,
  writing: SqliteRun,
  writingIf: SqliteRunIf,
  wrote: (rows: number) => void,
): TaskDatabase {
  return {
    read: (query) => guarded(() => db.all(query)),
    write: (...queries) =>
      writing(() => {
        const rows = queries.map((query) => db.all<Record<string, unknown>>(query)).at(-1) ?? [];
        wrote(rows.length);
        return rows;
      }),
    writeIf: (conditions, query) => writingIf(conditions, () => void db.run(query)),
    // A writer has the whole file.
    skipLocked: sql``,
    hasLease: () => sql`1 = 0`,
  };
}
