import postgres, { type Options, type Sql } from "postgres";
import { AppError } from "../../../../errors.ts";
import { systemReason } from "../../../../system-errors.ts";
import { version } from "../../../../version.ts";
import { type AppliedMigration, lacking, type Migration, migratedText } from "../migration.ts";
import { bare, mayWorkElsewhere } from "./refusal.ts";
import { type PostgresSettings, postgresSettings, shownUrl } from "./settings.ts";
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

/**
 * Connects and applies the migrations that the database lacks. Throws AppError, naming the database.
 *
 * @param env the environment, for the variables of libpq
 */
export async function connect(
  url: string,
  env: Readonly<Record<string, string | undefined>>,
  migrations: readonly Migration[],
  now: () => number,
  onMigrated: (text: string) => void = () => {},
): Promise<Database> {
  const settings = postgresSettings(url, env);
  const shown = shownUrl(url);
  const sockets = watchedSockets(settings);
  for (let hosts = settings.hosts.length; ; hosts--) {
    const sql = client(settings, sockets);
    try {
      await checkEncoding(sql, shown);
      const text = await migrate(sql, migrations, shown, now);
      if (text !== undefined) onMigrated(text);
      const oneConnection: OneConnection = (onclose) => client(settings, sockets, { max: 1, onclose });
      return { client: sql, oneConnection, sockets };
    } catch (error) {
      await sql.end({ timeout: 0 });
      if (error instanceof AppError) throw error;
      // Not reached within the time is no reason to leave a server later on: queries have a limit of their own.
      if (hosts > 1 && (mayWorkElsewhere(error) || bare(error).code === "CONNECT_TIMEOUT")) {
        await sockets.leaveServer();
        continue;
      }
      throw cannotOpen(shown, error);
    }
  }
}

/** Makes a client. TLS, several hosts and the variables of libpq are not left to the driver. */
export function client(
  { user, password, database, connectTimeout, session, hosts }: PostgresSettings,
  sockets: WatchedSockets,
  more: Options<Record<string, never>> = {},
): Sql {
  return postgres({
    // Only for the driver's own messages.
    host: hosts.map((target) => ("path" in target ? "localhost" : target.host)).at(0)!,
    port: 5432,
    ...(user !== undefined && { user }),
    ...(database !== undefined && { database }),
    pass: password,
    ssl: false,
    connect_timeout: connectTimeout,
    backoff: reconnectDelay,
    // Behind a pooler in transaction mode, the next transaction may have another connection without the statement.
    prepare: false,
    // No column is an array. Asked for at each connection, the types are a query that nobody waits for when it is closed.
    fetch_types: false,
    connection: session,
    onnotice: () => {},
    // Its types leave these options out.
    ...{ socket: sockets.open, sslnegotiation: null },
    ...more,
  });
}

/**
 * Returns the seconds before the next attempt to connect. The driver counts the failures of all its connections together:
 * its own delays grow to 20 s within a second, and a database that has come back would not be found for that long.
 *
 * @param failures in a row
 */
function reconnectDelay(failures: number): number {
  return (0.5 + Math.random() / 2) * Math.min(2 ** failures / 50, 0.5);
}

/** Returns the error of a database that cannot be used. */
export function cannotOpen(shown: string, error: unknown): AppError {
  const { code, cause } = bare(error);
  const known = systemReason({ code });
  // The driver's own messages have the port 5432, whatever the real one is.
  const isOfDriver = code.startsWith("CONNECTION_");
  const message = cause instanceof Error && !isOfDriver ? cause.message : "it did not answer";
  const hint = hints[code] ?? known?.hint;
  return new AppError("unavailable", `cannot open ${shown}: ${known ? `${known.text}: ` : ""}${message}`, {
    cause,
    ...(hint !== undefined && { hint }),
  });
}

/** Advice by SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html). */
const hints: Readonly<Record<string, string>> = {
  "08P01":
    "A pooler needs pool_mode session or transaction, and the parameters that it does not know in ignore_startup_parameters.",
  "25006":
    "It is a standby or read-only. Use the URL of the primary, or list all hosts: postgres://…@a,b/database.",
  "3D000": "Make it first: CREATE DATABASE … ENCODING 'UTF8'.",
  "42501":
    "The user needs a schema to make tables in: CREATE SCHEMA mcpctl AUTHORIZATION <user>, and ?search_path=mcpctl in the URL.",
  "3F000":
    "The user needs a schema to make tables in: CREATE SCHEMA mcpctl AUTHORIZATION <user>, and ?search_path=mcpctl in the URL.",
};

/** Refuses a database that cannot store every text. */
export async function checkEncoding(sql: Sql, shown: string): Promise<void> {
  const [row] = await sql<{ encoding: string }[]>`select current_setting('server_encoding') as encoding`;
  if (row?.encoding === "UTF8") return;
  throw new AppError("unavailable", `${shown} has the encoding ${row?.encoding}, and mcpctl needs UTF8`, {
    hint: "Make another one: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.",
  });
}

/** Applies the migrations that a database lacks. Returns a sentence about them; undefined if it was new or up to date. */
async function migrate(
  sql: Sql,
  migrations: readonly Migration[],
  shown: string,
  now: () => number,
): Promise<string | undefined> {
  return await sql.begin(async (transaction) => {
    await transaction`select pg_advisory_xact_lock(${writeLock})`;
    await transaction`
      create table if not exists "schema_migrations" (
        "name" text primary key not null, "applied_at" bigint not null, "version" text)`;
    await transaction`alter table "schema_migrations" add column if not exists "version" text`;
    const applied = await transaction<AppliedMigration[]>`
      select "name", "version" from "schema_migrations" order by "applied_at", "name"`;
    const missing = lacking(migrations, applied, shown, () => wayBack);
    for (const step of missing) {
      await transaction.unsafe(step.sql);
      await transaction`insert into "schema_migrations" values (${step.name}, ${now()}, ${version.version})`;
    }
    return applied.length > 0 && missing.length > 0 ? migratedText(applied, missing) : undefined;
  });
}

/** The way back from a newer version. */
export const wayBack =
  "To go back, start this version with an empty database, and restore a backup that it made: mcpctl restore FILE.";
