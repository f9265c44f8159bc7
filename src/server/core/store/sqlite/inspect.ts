import { Database } from "bun:sqlite";
import { existsSync, statSync } from "node:fs";
import { migrations } from "../../../../../drizzle/sqlite/migrations.ts";
import { lacking, stateText } from "../migration.ts";
import { appliedIn, checkTables, explain, refuseForeign, takeLock, wayBack } from "./open.ts";

/**
 * Looks at an SQLite file and changes nothing. Returns a text about it. Throws AppError with the reason why a server could
 * not use it.
 */
export function inspectSqlite(path: string): string {
  if (!existsSync(path)) return `${path} will be made`;
  if (statSync(path).size === 0) return `${path} is new`;
  let database: Database | undefined;
  try {
    if (existsSync(`${path}.lock`)) takeLock(path).close();
    database = new Database(path, { readonly: true });
    refuseForeign(database, path);
    checkTables(database, path);
    const applied = appliedIn(database);
    return `${path} ${stateText(
      applied,
      lacking(migrations, applied, path, (newer) => wayBack(path, newer)),
    )}`;
  } catch (error) {
    throw explain(error, path);
  } finally {
    database?.close();
  }
}
