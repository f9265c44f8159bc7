import { type BackupManifest, damaged, tooNew } from "../../backup/manifest.ts";
import type { CopyColumn, CopyTable } from "../core/store/copy/copy.ts";
import { copyTables } from "../core/store/copy-tables.ts";
import type { Store } from "../core/store/types.ts";

/** The columns that a backup has of each of its tables. */
export type BackupColumns = ReadonlyMap<string, { table: CopyTable; columns: readonly CopyColumn[] }>;

/** Checks that this version can restore a backup of these tables. Throws AppError. */
export function checkTables(
  { migration, version, tables }: BackupManifest,
  { migrations }: Pick<Store, "migrations">,
): BackupColumns {
  if (!migrations.includes(migration)) throw tooNew(`its database has the migration ${migration}`, version);
  return new Map(
    tables.map(({ name, columns }) => {
      const table = copyTables.find((one) => one.name === name);
      if (!table) throw damaged(`it has an unknown table ${name}`);
      const known = columns.map((column) => {
        const found = table.columns.find((one) => one.name === column);
        if (!found) throw damaged(`${name} has an unknown column ${column}`);
        return found;
      });
      const missing = table.columns.find((one) => !known.includes(one) && !one.canBeNull && !one.hasDefault);
      if (missing || new Set(columns).size < columns.length)
        throw damaged(`${name} lacks ${missing?.name ?? "a column"}`);
      return [name, { table, columns: known }];
    }),
  );
}
