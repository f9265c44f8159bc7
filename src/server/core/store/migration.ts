import { AppError } from "../../../errors.ts";

/** One step of the schema: a name such as `0000_tables`, and SQL statements. There are no steps back. */
export interface Migration {
  name: string;
  sql: string;
}

/** A step that a database has, and the version of mcpctl that took it; null for one from before versions were noted. */
export interface AppliedMigration {
  name: string;
  version: string | null;
}

/**
 * Returns the known steps that a database lacks, in order. Throws AppError if the database has a step that is not known:
 * a newer mcpctl has written it.
 *
 * @param applied the steps that the database has
 * @param database its name, for the error
 * @param wayBack returns how to go back, for the version that has written it
 */
export function lacking(
  known: readonly Migration[],
  applied: readonly AppliedMigration[],
  database: string,
  wayBack: (version: string | null) => string,
): Migration[] {
  const newer = applied.findLast(({ name }) => !known.some((migration) => migration.name === name));
  if (newer !== undefined) {
    const { name, version } = newer;
    const by = version === null ? "" : ` ${version}`;
    throw new AppError("unavailable", `${database} was written by a newer mcpctl${by}: it has ${name}`, {
      hint: `Upgrade mcpctl${version === null ? "" : ` to ${version} or newer`}. ${wayBack(version)} Nothing was changed.`,
    });
  }
  return known.filter((migration) => !applied.some(({ name }) => name === migration.name));
}

/** Returns the sentence for the log about a database that was migrated. */
export function migratedText(applied: readonly AppliedMigration[], missing: readonly Migration[]): string {
  const { name, version } = applied.at(-1)!;
  const by = version === null ? "" : `, of mcpctl ${version},`;
  return `the database was migrated from ${name}${by} to ${missing.at(-1)!.name}`;
}

/** Returns a text about the state of a database, for somebody who only looks. */
export function stateText(applied: readonly AppliedMigration[], missing: readonly Migration[]): string {
  const last = applied.at(-1);
  if (!last) return "is new";
  if (missing.length === 0) return `is up to date (${last.name})`;
  return `will be migrated from ${last.name} to ${missing.at(-1)!.name}`;
}
