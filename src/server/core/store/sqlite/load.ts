import { Database } from "bun:sqlite";
import { max, ne, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { nextTurn } from "../../../../wire/next-turn.ts";
import { buried } from "../buried-rows.ts";
import { inMemory } from "../contents.ts";
import type { Contents } from "../types.ts";
import { changes, credentials, refs, resources, sessions } from "./schema.ts";
import { keepStatements } from "./statements.ts";

/** Rows that are read in one turn of the event loop: some milliseconds. */
const rowsOfTurn = 1000;

/**
 * Reads everything that is kept in memory, in several turns of the event loop: tens of thousands of rows take longer than one
 * may last (T338). A connection of its own sees one moment of the file, whatever is written meanwhile.
 *
 * @throws SQLiteError
 */
export async function load(path: string): Promise<Contents> {
  const database = new Database(path, { readonly: true });
  const { client, finalize } = keepStatements(database);
  try {
    database.run("pragma trusted_schema = 0");
    database.run("begin");
    const db = drizzle({ client });
    const all = async <R>(page: (offset: number) => R[]): Promise<R[]> => {
      const rows: R[] = [];
      for (;;) {
        const found = page(rows.length);
        for (const row of found) rows.push(row);
        if (found.length < rowsOfTurn) return rows;
        await nextTurn();
      }
    };
    // In the order of the table, which needs no index.
    const table = sql`rowid`;
    const last = db
      .select({ last: max(changes.revision) })
      .from(changes)
      .get();
    return {
      revision: last?.last ?? 0,
      rows: await all((offset) =>
        db
          .select()
          .from(resources)
          .where(ne(resources.kind, buried))
          .orderBy(table)
          .limit(rowsOfTurn)
          .offset(offset)
          .all(),
      ),
      refs: await all((offset) =>
        db.select().from(refs).orderBy(table).limit(rowsOfTurn).offset(offset).all(),
      ),
      sessions: await all((offset) =>
        db.select().from(sessions).orderBy(table).limit(rowsOfTurn).offset(offset).all(),
      ),
      ...inMemory(
        await all((offset) =>
          db.select().from(credentials).orderBy(table).limit(rowsOfTurn).offset(offset).all(),
        ),
      ),
    };
  } finally {
    finalize();
    // With a statement left open it would go on reading: the log could not be emptied of deleted values (T33).
    database.close(true);
  }
}
