import { AppError } from "../../../errors.ts";

/** One step of the schema: a name such as `0000_tables`, and SQL statements. There are no steps back. */
export interface Migration {
  name: string;
  sql: string;
}

/**
 * Returns the known steps that a database lacks, in order. Throws AppError if the database has a step that is not known:
 * a newer mcpctl has written it.
 *
 * @param applied names of the steps that the database has
 * @param database its name, for the error
 */
export function lacking(
  known: readonly Migration[],
  applied: readonly string[],
  database: string,
): Migration[] {
  const newer = applied.find((name) => !known.some((migration) => migration.name === name));
  if (newer !== undefined)
    throw new AppError("unavailable", `${database} was written by a newer mcpctl: it has ${newer}`, {
      hint: "Upgrade mcpctl, or restore a backup from before the newer one started. Nothing was changed.",
    });
  return known.filter((migration) => !applied.includes(migration.name));
}
