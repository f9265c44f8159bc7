import { type SQL, sql } from "drizzle-orm";
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { Sql } from "postgres";
import { StoreError } from "../types.ts";
import type { Queries } from "./write.ts";

/** Makes a client with one connection. Calls `onLost` each time the connection is lost. */
export type OneConnection = (onLost: () => void) => Sql;

export interface Transactions {
  /**
   * Runs work in a transaction. Returns when PostgreSQL has confirmed the commit.
   *
   * @param work must use only the queries that it is given
   * @param mode `snapshot` for a read-only transaction in which all reads see the same state
   * @throws StoreError `unavailable` if the connection was lost or the transaction was rolled back. Then nothing of it is
   * stored, unless only the confirmation of the commit got lost.
   */
  run<T>(work: (queries: Queries) => Promise<T>, mode?: "snapshot"): Promise<T>;
  close(): Promise<void>;
}

const begin = {
  snapshot: "begin isolation level repeatable read read only",
  write: "begin",
};

/**
 * Milliseconds after which PostgreSQL ends a transaction of a server that has vanished, and one that waits for a lock. It
 * does not notice by itself that the other side has gone: without a limit, the locks would hold up all servers for hours, and
 * transactions that wait for them would use up the connections.
 */
export interface TransactionLimits {
  idle: number;
  lock: number;
  /** Of the whole transaction; 0 for none. PostgreSQL knows it from version 17 on. */
  whole: number;
}

/**
 * Returns the statements that set the limits, for one message with the BEGIN. They hold for the transaction only, because a
 * pooler shares the connection. A transaction counts as idle only between two statements: one whose server vanishes between
 * the messages of a statement is ended by the limit of the whole, and before version 17 by the signs of life of TCP.
 */
function settings({ idle, lock, whole }: TransactionLimits): string {
  return [
    `set local idle_in_transaction_session_timeout = ${idle}`,
    `set local lock_timeout = ${lock}`,
    "set local tcp_keepalives_idle = 10",
    "set local tcp_keepalives_interval = 5",
    "set local tcp_keepalives_count = 2",
    `select case when current_setting('server_version_num')::int >= 170000 then set_config('transaction_timeout', '${whole}', true) end`,
  ].join("; ");
}

/**
 * Runs transactions over a few connections of their own, instead of the transactions of the driver. The driver takes
 * every response to a commit for a success, also the ROLLBACK of an aborted transaction. After a lost connection, it may
 * send the remaining statements of a transaction over another one, outside the transaction.
 *
 * @param connect makes one more connection, which its first query opens
 * @param most transactions at a time; others wait
 * @param timeout milliseconds after which a transaction does not start, and is rolled back instead of committed: its
 *   caller has already got the error that the database does not answer
 * @param limits by which PostgreSQL ends a transaction itself
 */
export function transactions(
  connect: OneConnection,
  most: number,
  timeout: number,
  limits: TransactionLimits = { idle: timeout, lock: timeout, whole: timeout },
): Transactions {
  const limited = settings(limits);
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
      const deadline = performance.now() + timeout;
      const connection = await take();
      try {
        if (performance.now() >= deadline) throw new StoreError("unavailable");
        return await connection.transact(sql.raw(`${begin[mode ?? "write"]}; ${limited}`), work, deadline);
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

/** One connection, used by one transaction at a time. After a loss it is opened again. */
class Connection {
  readonly #client: Sql;
  readonly #db: PostgresJsDatabase;
  /** True within a transaction. The loss of the connection ends the transaction. */
  #isOpen = false;

  constructor(connect: OneConnection) {
    this.#client = connect(() => {
      this.#isOpen = false;
    });
    const { options } = this.#client;
    // The part of the driver that drizzle uses. After a loss, a statement would run outside the transaction.
    const unsafe: Sql["unsafe"] = (...query) => {
      if (!this.#isOpen) throw new StoreError("unavailable", { cause: new Error("connection lost") });
      return this.#client.unsafe(...query);
    };
    this.#db = drizzle({ client: { options, unsafe } as Sql });
  }

  async transact<T>(opening: SQL, work: (queries: Queries) => Promise<T>, deadline: number): Promise<T> {
    this.#isOpen = true;
    try {
      await this.#db.execute(opening);
      const result = await work(this.#db);
      if (performance.now() >= deadline) throw new StoreError("unavailable");
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
