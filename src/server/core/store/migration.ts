import { AppError } from "../../../errors.ts";

/** A step of the schema: `0000_tables` and its statements. Steps only go forward. */
export interface Migration {
  name: string;
  sql: string;
}

/**
 * Which of the `known` steps a database still lacks, in order, given the names of the `applied` ones.
 * Throws when it has one that is not known: only a newer mcpctl can have taken it.
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
