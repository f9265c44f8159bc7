import type { BackupManifest } from "../../backup/manifest.ts";
import { type BackupFacts, writeBackup } from "../../backup/write-backup.ts";
import { version } from "../../version.ts";
import type { CopyTable, StoreCopy } from "../core/store/copy/copy.ts";
import { copyTables } from "../core/store/copy-tables.ts";
import type { Store } from "../core/store/types.ts";

/** The contents of a backup. */
export interface BackupOptions {
  /** `values`: also the values of secrets that the database keeps in plain text. */
  secrets: BackupManifest["secrets"];
  /** False leaves out the audit log and the usage. */
  audit: boolean;
}

/** The rows of backends whose values nobody can read without the master key: they are in every backup. */
const isSealed = `backend_id in (select id from resources where kind = 'secretbackend' and spec->>'type' = 'sealed')`;

/** Returns the tables that go into a backup. */
export function tablesOf({ secrets, audit }: BackupOptions): CopyTable[] {
  return copyTables.flatMap((table) => {
    if (table.part === "records" && !audit) return [];
    if (table.part !== "secrets" || secrets === "values") return [table];
    return [{ ...table, where: `${table.where} and ${isSealed}` }];
  });
}

/** A backup that is being made, of the database as it was when `makeBackup` returned. */
export interface OpenBackup {
  facts: BackupFacts;
  bytes: AsyncIterable<Uint8Array>;
}

/**
 * Begins a backup. Whoever takes it reads all its bytes, or ends the iteration: until then the database keeps the state
 * of that moment.
 *
 * @returns undefined if it must be alone, and another server on the database makes one that must be
 */
export async function makeBackup(store: Store, options: BackupOptions, now: number): Promise<OpenBackup>;
export async function makeBackup(
  store: Store,
  options: BackupOptions,
  now: number,
  how: { isAlone: true },
): Promise<OpenBackup | undefined>;
export async function makeBackup(
  store: Store,
  options: BackupOptions,
  now: number,
  how?: { isAlone: true },
): Promise<OpenBackup | undefined> {
  const copy = await store.copy(how?.isAlone);
  return copy && openOn(copy, store, options, now);
}

function openOn(
  copy: StoreCopy,
  { migration, dialect }: Pick<Store, "migration" | "dialect">,
  options: BackupOptions,
  now: number,
): OpenBackup {
  const facts: BackupFacts = {
    version: version.version,
    migration,
    dialect,
    createdAt: new Date(now).toISOString(),
    ...options,
  };
  const tables = tablesOf(options).map((table) => ({
    name: table.name,
    columns: table.columns.map(({ name }) => name),
    lines: () => copy.lines(table),
  }));
  async function* bytes() {
    try {
      yield* writeBackup(facts, tables);
    } finally {
      await copy.close();
    }
  }
  return { facts, bytes: bytes() };
}

/** Returns the name for the file of a backup: `mcpctl-backup-20261129T131500Z.tar.zst`. */
export function backupName(createdAt: string): string {
  return `mcpctl-backup-${createdAt.replace(/\.\d+|[:-]/g, "")}.tar.zst`;
}
