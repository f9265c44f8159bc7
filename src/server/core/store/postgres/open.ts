import postgres, { type Options, type Sql } from "postgres";
import { AppError } from "../../../../errors.ts";
import { lacking, type Migration } from "../migration.ts";
import { bare } from "./refusal.ts";
import { type WatchedSockets, watchedSockets } from "./sockets.ts";
import type { OneConnection } from "./transactions.ts";

/** Whoever writes holds this advisory lock, so that revisions become visible in their order. ASCII "mcpctl". */
export const writeLock = 0x6d637063746c;

/** A database that answers, with its schema up to date. */
export interface Database {
  /** For single statements, over several connections. */
  client: Sql;
  /** For transactions, each of which has a connection to itself. */
  oneConnection: OneConnection;
  /** The connections of both. */
  sockets: WatchedSockets;
}

/** Connects and applies the migrations that the database lacks. Throws AppError, naming the database. */
export async function connect(
  url: string,
  migrations: readonly Migration[],
  now: () => number,
): Promise<Database> {
  const shown = url.replace(/\/\/.*@/s, "//").replace(/\?.*/s, "");
  const sockets = watchedSockets();
  const sql = client(url, shown, sockets);
  try {
    await migrate(sql, migrations, shown, now);
    const oneConnection: OneConnection = (onclose) => client(url, shown, sockets, { max: 1, onclose });
    return { client: sql, oneConnection, sockets };
  } catch (error) {
    await sql.end({ timeout: 0 });
    if (error instanceof AppError) throw error;
    const { cause } = bare(error);
    const reason = cause instanceof Error ? cause.message : "it did not answer";
    throw new AppError("unavailable", `cannot open ${shown}: ${reason}`, { cause });
  }
}

/** The driver takes the folder of a Unix socket as an option only; libpq and everybody's URLs say `?host=`. */
function client(
  url: string,
  shown: string,
  sockets: WatchedSockets,
  more: Options<Record<string, never>> = {},
): Sql {
  const [base = "", query] = url.split("?");
  const parameters = new URLSearchParams(query);
  const host = parameters.get("host");
  parameters.delete("host");
  try {
    return postgres(`${base}?${parameters}`, {
      ...(host !== null && { host }),
      connect_timeout: 10,
      // A pooler in transaction mode gives each transaction another connection, where a named statement is unknown.
      prepare: false,
      connection: { application_name: "mcpctl" },
      onnotice: () => {},
      // Its types leave this option out.
      ...{ socket: sockets.open },
      ...more,
    });
  } catch {
    // The driver's own message quotes the URL, with the password in it.
    throw new AppError("invalid_request", `${shown} is not the URL of a Postgres database`, {
      hint: "Write it as postgres://user:password@host:5432/database.",
    });
  }
}

async function migrate(
  sql: Sql,
  migrations: readonly Migration[],
  shown: string,
  now: () => number,
): Promise<void> {
  await sql.begin(async (transaction) => {
    await transaction`select pg_advisory_xact_lock(${writeLock})`;
    await transaction`
      create table if not exists "schema_migrations" ("name" text primary key not null, "applied_at" bigint not null)`;
    const applied = await transaction<{ name: string }[]>`select "name" from "schema_migrations"`;
    const missing = lacking(
      migrations,
      applied.map(({ name }) => name),
      shown,
    );
    for (const step of missing) {
      await transaction.unsafe(step.sql);
      await transaction`insert into "schema_migrations" values (${step.name}, ${now()})`;
    }
  });
}
