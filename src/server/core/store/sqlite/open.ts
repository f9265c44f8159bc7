import { Database } from "bun:sqlite";
import { chmodSync, closeSync, existsSync, openSync, realpathSync } from "node:fs";
import { AppError } from "../../../../errors.ts";
import { systemReason } from "../../../../system-errors.ts";
import { version } from "../../../../version.ts";
import { type AppliedMigration, lacking, type Migration, migratedText } from "../migration.ts";
import { emptyLog } from "./checkpoints.ts";
import { removeHalfSnapshots, snapshotFile, snapshotsOf } from "./file-snapshot.ts";
import { networkShare } from "./network-share.ts";
import { codeOf } from "./refusal.ts";

/** An open file with its lock, which keeps other servers away. */
export interface OpenDatabase {
  database: Database;
  /** Writes the write-ahead log back to the file, closes it and releases the lock. */
  close(): void;
}

/**
 * Settings that differ from SQLite's defaults. `foreign_keys` is set after the migrations, and `busy_timeout` is only for
 * the start: later, `lockRetry` waits for locks.
 */
const pragmas = {
  busy_timeout: 5000,
  journal_mode: "wal",
  synchronous: 1, // NORMAL: in WAL mode a power cut may cost the last commits, never the file
  trusted_schema: 0,
  cell_size_check: 1,
  secure_delete: 1,
  wal_autocheckpoint: 16_000, // pages, 64 MB: the backstop of `checkpointInTime`
};

/**
 * Opens an SQLite file for this server alone, creates it if it is missing (mode 0600), checks it and applies migrations.
 * Other programs may read it meanwhile. Throws AppError with the name of the file.
 *
 * @param onMigrated gets a sentence about migrations of a database that was there, and the copy from before them
 */
export function openDatabase(
  path: string,
  migrations: readonly Migration[],
  now: () => number,
  onMigrated: (text: string) => void = () => {},
): OpenDatabase {
  let lock: Database | undefined;
  let database: Database | undefined;
  try {
    makePrivate(path);
    const real = realpathSync(path);
    lock = takeLock(real);
    removeHalfSnapshots(real);
    database = new Database(real, { readwrite: true, create: false });
    refuseForeign(database, path);
    for (const [name, value] of Object.entries(pragmas)) set(database, name, value);
    checkTables(database, path);
    const text = migrate(database, migrations, path, now);
    set(database, "foreign_keys", 1);
    set(database, "busy_timeout", 0);
    emptyLog(database);
    if (text !== undefined) onMigrated(text);
    return { database, close: () => close(database, lock) };
  } catch (error) {
    close(database, lock);
    throw explain(error, path);
  }
}

/**
 * Creates a file that only its owner can read, or restricts an existing one and its log to the owner. An existing file
 * is not opened: closing it again would drop the locks that this process has on it (sqlite.org/howtocorrupt.html, 2.2).
 */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    for (const file of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(file)) chmodSync(file, 0o600);
  }
}

/**
 * Locks out other servers by an exclusive transaction on a file of its own. The kernel releases it when the process
 * ends, however it ends.
 */
export function takeLock(path: string): Database {
  const file = `${path}.lock`;
  makePrivate(file);
  const lock = new Database(file, { readwrite: true, create: false });
  try {
    lock.run("pragma journal_mode = memory"); // nothing is written, so no journal file is needed
    lock.run("begin exclusive");
    return lock;
  } catch (error) {
    lock.close();
    if (codeOf(error) !== "SQLITE_BUSY") throw error;
    const share = networkShare(path);
    throw new AppError("conflict", `another mcpctl server is using ${path}`, {
      hint: share ? onShare(share) : "Stop it first, or start this one with another data directory.",
    });
  }
}

/** Returns the first column of a query. The statement is closed: an open one would keep the file open. */
function column<T>(database: Database, text: string): T[] {
  using statement = database.prepare(text);
  return statement.values().map(([first]) => first as T);
}

function set(database: Database, name: string, value: string | number): void {
  database.run(`pragma ${name} = ${value}`);
  const [got] = column<string | number>(database, `pragma ${name}`);
  if (got !== value)
    throw new AppError("unavailable", `SQLite did not accept ${name} = ${value}: it is ${got}`);
}

function tablesOf(database: Database): string[] {
  return column(database, "select name from sqlite_schema where type = 'table'");
}

/** Refuses the database of another program. Runs before any setting: the journal mode is stored in the file. */
export function refuseForeign(database: Database, path: string): void {
  const tables = tablesOf(database);
  if (tables.length > 0 && !tables.includes("schema_migrations"))
    throw new AppError("unavailable", `${path} is the database of another program`);
}

/** Checks the pages of all tables but the audit log. Throws AppError if one is damaged. */
export function checkTables(database: Database, path: string): void {
  for (const table of tablesOf(database)) {
    // The audit log may have millions of rows, and damage in it does not stop the server.
    if (table === "audit_events") continue;
    const [verdict] = column<string>(database, `pragma quick_check("${table}")`);
    if (verdict !== "ok") throw damaged(path, verdict);
  }
}

/** Applies the migrations that a database lacks. Returns a sentence about them; undefined if it was new or up to date. */
function migrate(
  database: Database,
  migrations: readonly Migration[],
  path: string,
  now: () => number,
): string | undefined {
  const applied = appliedIn(database);
  const missing = lacking(migrations, applied, path, (newer) => wayBack(path, newer));
  if (missing.length === 0) return undefined;
  const snapshot = applied.length === 0 ? undefined : snapshotFile(database, path, version.version);
  // To rebuild a table, a migration drops the old one. With foreign keys on, that would delete referring rows.
  database.run("pragma foreign_keys = 0");
  const run = database.transaction(() => {
    database.run(
      'create table if not exists "schema_migrations" ("name" text primary key not null, "applied_at" integer not null, "version" text) strict',
    );
    if (applied.length > 0 && !hasVersions(database))
      database.run('alter table "schema_migrations" add column "version" text');
    for (const { name, sql } of missing) {
      database.run(sql);
      database.run('insert into "schema_migrations" values (?, ?, ?)', [name, now(), version.version]);
    }
    if (column(database, "pragma foreign_key_check").length > 0)
      throw damaged(path, "a reference points nowhere");
  });
  run.immediate();
  return snapshot && `${migratedText(applied, missing)}; a copy from before it: ${snapshot}`;
}

function hasVersions(database: Database): boolean {
  return column<string>(database, "select name from pragma_table_info('schema_migrations')").includes(
    "version",
  );
}

/** Returns the migrations that a database has; none if it is new. */
export function appliedIn(database: Database): AppliedMigration[] {
  if (!tablesOf(database).includes("schema_migrations")) return [];
  const versions = hasVersions(database) ? '"version"' : "null";
  using statement = database.prepare<AppliedMigration, []>(
    `select "name", ${versions} as "version" from "schema_migrations" order by "applied_at", "name"`,
  );
  return statement.all();
}

/** Returns how to go back to this version, from one that has migrated the file. */
export function wayBack(path: string, newer: string | null): string {
  const all = snapshotsOf(path);
  const snapshot = all.find((one) => newer !== null && one.endsWith(`.before-${newer}`)) ?? all[0];
  if (snapshot === undefined)
    return "To go back, start this version with an empty folder, and restore a backup that it made: mcpctl restore FILE.";
  return `To go back, and lose what was written since: rm -f ${path}-wal ${path}-shm; mv ${snapshot} ${path}.`;
}

function close(database: Database | undefined, lock: Database | undefined): void {
  database?.close();
  lock?.close();
}

/** Returns the error to throw for an error at the start. */
export function explain(error: unknown, path: string): unknown {
  if (error instanceof AppError) return error;
  const code = codeOf(error);
  if (code === undefined) return error;
  if (code === "SQLITE_NOTADB")
    return new AppError("unavailable", `${path} is not an SQLite database`, { cause: error });
  if (code.startsWith("SQLITE_CORRUPT")) return damaged(path, error);
  if (code === "SQLITE_FULL" || code === "ENOSPC" || code === "EDQUOT") {
    const full = code === "EDQUOT" ? "the disk quota is used up" : "the disk is full";
    return new AppError("storage_full", `cannot open ${path}: ${full}`, { cause: error });
  }
  if (/^(SQLITE_(BUSY|LOCKED|PROTOCOL|IOERR_(LOCK|RDLOCK|SHM|BLOCKED))|ENOLCK)/.test(code)) {
    const share = networkShare(path);
    return new AppError("unavailable", `cannot open ${path}: it is locked`, {
      hint: share ? onShare(share) : `Another program has it open. To see which: fuser -v ${path}`,
      cause: error,
    });
  }
  if (code === "EROFS" || code.startsWith("SQLITE_READONLY"))
    return new AppError("unavailable", `cannot open ${path}: the file or its disk is read-only`, {
      hint: "Choose another folder with --data-dir.",
      cause: error,
    });
  const { text = (error as Error).message, hint } = systemReason(error) ?? {};
  return new AppError("unavailable", `cannot open ${path}: ${text} (${code})`, {
    cause: error,
    ...(hint !== undefined && { hint }),
  });
}

function damaged(path: string, cause: unknown): AppError {
  return new AppError("unavailable", `${path} is damaged`, { hint: rescue(path), cause });
}

/** Returns the advice for a damaged file. */
export function rescue(path: string): string {
  return `Stop the server and restore a backup. To save what can be read: sqlite3 ${path} .recover | sqlite3 saved.db`;
}

/** Returns the advice for a file on a network share. */
export function onShare(share: string): string {
  return `The folder is on a network share (${share}), where the locks of SQLite often do not work. Use a folder on a local disk, or PostgreSQL (--database-url).`;
}
