import { migrations } from "../../../../../drizzle/postgres/migrations.ts";
import { AppError } from "../../../../errors.ts";
import { type AppliedMigration, lacking, stateText } from "../migration.ts";
import { cannotOpen, checkEncoding, client, wayBack } from "./open.ts";
import { postgresSettings, shownUrl } from "./settings.ts";
import { watchedSockets } from "./sockets.ts";

/**
 * Looks at a PostgreSQL database and changes nothing. Returns a text about it.
 *
 * @param env the environment, for the variables of libpq
 * @throws AppError with the reason why a server could not use it
 */
export async function inspectPostgres(
  url: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const settings = postgresSettings(url, env);
  const shown = shownUrl(url);
  const sql = client(settings, watchedSockets(settings), { max: 1 });
  try {
    await checkEncoding(sql, shown);
    const [found] = await sql<{ table: string | null }[]>`
      select to_regclass('schema_migrations')::text as "table"`;
    if (found?.table == null) return `${shown} is new`;
    // A column of a later version; a row without it gives null.
    const rows = await sql<{ name: string; row: { version?: string } }[]>`
      select name, to_jsonb(m) as row from schema_migrations m order by applied_at, name`;
    const applied: AppliedMigration[] = rows.map(({ name, row }) => ({ name, version: row.version ?? null }));
    return `${shown} ${stateText(
      applied,
      lacking(migrations, applied, shown, () => wayBack),
    )}`;
  } catch (error) {
    throw error instanceof AppError ? error : cannotOpen(shown, error);
  } finally {
    await sql.end({ timeout: 0 });
  }
}
