import postgres, { type Sql } from "postgres";
import { AppError } from "../../../../errors.ts";
import { lacking, type Migration } from "../migration.ts";
import { bare } from "./refusal.ts";

/** Whoever writes holds this advisory lock, so that revisions become visible in their order. ASCII "mcpctl". */
export const writeLock = 0x6d637063746c;

/** Connects and applies the migrations that the database lacks. Throws AppError, naming the database. */
export async function connect(
  url: string,
  migrations: readonly Migration[],
  now: () => number,
): Promise<Sql> {
  const shown = url.replace(/\/\/.*@/s, "//").replace(/\?.*/s, "");
  const sql = client(url, shown);
  try {
    await migrate(sql, migrations, shown, now);
    return sql;
  } catch (error) {
    await sql.end({ timeout: 0 });
    if (error instanceof AppError) throw error;
    const { cause } = bare(error);
    const reason = cause instanceof Error ? cause.message : "it did not answer";
    throw new AppError("unavailable", `cannot open ${shown}: ${reason}`, { cause });
  }
}

/** The driver takes the folder of a Unix socket as an option only; libpq and everybody's URLs say `?host=`. */
function client(url: string, shown: string): Sql {
  const [base = "", query] = url.split("?");
  const parameters = new URLSearchParams(query);
  const host = parameters.get("host");
  parameters.delete("host");
  try {
    return postgres(`${base}?${parameters}`, {
      ...(host !== null && { host }),
      connect_timeout: 10,
      connection: { application_name: "mcpctl" },
      onnotice: () => {},
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
