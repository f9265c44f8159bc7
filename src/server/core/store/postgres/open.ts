import postgres, { type Options, type Sql } from "postgres";
import { AppError } from "../../../../errors.ts";
import { systemReason } from "../../../../system-errors.ts";
import { lacking, type Migration } from "../migration.ts";
import { bare } from "./refusal.ts";
import { type WatchedSockets, watchedSockets } from "./sockets.ts";
import type { OneConnection } from "./transactions.ts";

/** The advisory lock that writers hold, so that revisions become visible in order. ASCII "mcpctl". */
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
    const { code, cause } = bare(error);
    const known = systemReason({ code });
    const message = cause instanceof Error ? cause.message : "it did not answer";
    throw new AppError("unavailable", `cannot open ${shown}: ${known ? `${known.text}: ` : ""}${message}`, {
      cause,
      ...(known?.hint !== undefined && { hint: known.hint }),
    });
  }
}

/** Makes a client. URLs have the folder of a Unix socket as `?host=`, as for libpq; the driver needs it as an option. */
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
      // Behind a pooler in transaction mode, the next transaction may have another connection without the statement.
      prepare: false,
      connection: { application_name: "mcpctl" },
      onnotice: () => {},
      // Its types leave this option out.
      ...{ socket: sockets.open },
      ...more,
    });
  } catch {
    // The message of the driver has the URL, with the password.
    throw new AppError("invalid_request", `${shown} is not the URL of a PostgreSQL database`, {
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
