import { sql } from "drizzle-orm";
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { Sql } from "postgres";
import { StoreError } from "../types.ts";
import type { Queries } from "./write.ts";

/** Makes a client of one connection, and calls back whenever that connection is lost. */
export type OneConnection = (onLost: () => void) => Sql;

export interface Transactions {
  /**
   * Runs work in a transaction, and returns when PostgreSQL has confirmed the commit.
   *
   * @param work uses the queries that it is given, and no others
   * @param mode `snapshot`: read only, and all reads see the same state
   * @throws StoreError `unavailable` when the connection was lost or the transaction was rolled back: nothing of it is
   * stored, but for a commit whose confirmation got lost
   */
  run<T>(work: (queries: Queries) => Promise<T>, mode?: "snapshot"): Promise<T>;
  close(): Promise<void>;
}

const begin = {
  snapshot: sql.raw("begin isolation level repeatable read read only"),
  write: sql.raw("begin"),
};

/**
 * Transactions over a few connections of their own.
 *
 * They are not the driver's: it believes every answer to its commit, also the ROLLBACK of an aborted transaction, and
 * it may send what follows a lost connection to another one, where it would stand outside the transaction.
 *
 * @param connect makes one more connection; it is opened by its first query
 * @param most number of transactions at a time; others wait in line
 * @param timeout milliseconds after which a transaction that is still in line is given up
 */
export function transactions(connect: OneConnection, most: number, timeout: number): Transactions {
  const all: Connection[] = [];
  const idle: Connection[] = [];
  const line: ((connection: Connection) => void)[] = [];
  let isClosed = false;

  async function take(): Promise<Connection> {
    const free = idle.pop();
    if (free) return free;
    if (all.length === most) return await new Promise((take) => line.push(take));
    const connection = new Connection(connect);
    all.push(connection);
    return connection;
  }

  return {
    async run(work, mode) {
      if (isClosed) throw new StoreError("unavailable", { cause: new Error("the store is closed") });
      const since = performance.now();
      const connection = await take();
      try {
        // Its caller has been told that the database does not answer.
        if (performance.now() - since >= timeout) throw new StoreError("unavailable");
        return await connection.transact(begin[mode ?? "write"], work);
      } finally {
        const next = line.shift();
        if (next) next(connection);
        else idle.push(connection);
      }
    },

    async close() {
      isClosed = true;
      await Promise.all(all.map((connection) => connection.close()));
    },
  };
}

/** One connection, used by one transaction at a time. It is opened again after it was lost. */
class Connection {
  readonly #client: Sql;
  readonly #db: PostgresJsDatabase;
  /** Set within a transaction; cleared when the connection is lost, with which the transaction is gone. */
  #isOpen = false;

  constructor(connect: OneConnection) {
    this.#client = connect(() => {
      this.#isOpen = false;
    });
    const { options } = this.#client;
    // What drizzle uses of the driver. A statement that came after the loss would be carried out by itself.
    const unsafe: Sql["unsafe"] = (...query) => {
      if (!this.#isOpen) throw new StoreError("unavailable", { cause: new Error("connection lost") });
      return this.#client.unsafe(...query);
    };
    this.#db = drizzle({ client: { options, unsafe } as Sql });
  }

  async transact<T>(opening: typeof begin.write, work: (queries: Queries) => Promise<T>): Promise<T> {
    this.#isOpen = true;
    try {
      await this.#db.execute(opening);
      const result = await work(this.#db);
      const { command } = await this.#db.execute(sql`commit`);
      if (command !== "COMMIT")
        throw new StoreError("unavailable", { cause: new Error(`commit was answered with ${command}`) });
      return result;
    } catch (error) {
      if (this.#isOpen) await this.#db.execute(sql`rollback`).catch(() => {});
      throw error;
    } finally {
      this.#isOpen = false;
    }
  }

  close(): Promise<void> {
    return this.#client.end({ timeout: 0 });
  }
}
