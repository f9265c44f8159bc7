import type { BackupManifest } from "../../../backup/manifest.ts";

/** Returns the facts of a manifest for `-o json`: without the list of its members. */
export function summaryOf({ members, product: _, tables, ...facts }: BackupManifest): object {
  return {
    ...facts,
    members: members.length,
    tables: Object.fromEntries(tables.map(({ name, rows }) => [name, rows])),
  };
}

/** `214 objects, 18022 rows` */
export function countText({ tables }: BackupManifest): string {
  const objects = tables.find(({ name }) => name === "resources")?.rows ?? 0;
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  return `${objects} ${objects === 1 ? "object" : "objects"}, ${rows} rows`;
}
