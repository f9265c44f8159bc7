import { Database } from "bun:sqlite";
import { type BunSQLiteDatabase, drizzle } from "drizzle-orm/bun-sqlite";
import { eachInTurns, nextTurn, TurnPace } from "../../../../wire/next-turn.ts";
import type { Write } from "../types.ts";
import { keepStatements } from "./statements.ts";
import { prepareAudit } from "./write.ts";

/** A connection that writes. */
export interface Writer {
  db: BunSQLiteDatabase;
  insertAudit: ReturnType<typeof prepareAudit>;
}

/** The most writes that are committed in one turn of the event loop; each takes up to 0.2 ms. */
export const writesOfTurn = 100;
/** Writes between two looks at the clock. */
const writesPerLook = 4;

/**
 * Commits many writes in several turns of the event loop, such as the deletion of what thousands of rows refer to (T351). They
 * have a connection of their own: a transaction of the store's own one would take in whatever is written meanwhile. Other
 * writes wait for its lock.
 *
 * @param begin runs the statement that takes the lock, once it is free
 * @param carryOut does one write with the given connection
 * @returns what `last` returns at the end of the transaction
 * @throws whatever a write throws; nothing has been written then
 */
export async function commitInTurns<T>(
  path: string,
  writes: readonly Write[],
  begin: (work: () => void) => Promise<void>,
  carryOut: (writer: Writer, write: Write) => void,
  last: (writer: Writer) => T,
): Promise<T> {
  const database = new Database(path, { readwrite: true, create: false });
  const { client, finalize } = keepStatements(database);
  try {
    for (const pragma of pragmas) database.run(`pragma ${pragma}`);
    const writer = { db: drizzle({ client }), insertAudit: prepareAudit(client) };
    await begin(() => database.run("begin immediate"));
    await eachInTurns(writes, (write) => carryOut(writer, write), new TurnPace(), writesPerLook);
    const result = last(writer);
    database.run("commit");
    // What reads the changes has a turn of its own.
    await nextTurn();
    return result;
  } finally {
    finalize();
    // Closing rolls back what was not committed.
    database.close(true);
  }
}

/** As those of the store's own connection. Its checkpoints are those of the store, too. */
const pragmas = [
  "busy_timeout = 0",
  "synchronous = 1",
  "trusted_schema = 0",
  "cell_size_check = 1",
  "secure_delete = 1",
  "foreign_keys = 1",
  "wal_autocheckpoint = 0",
];
