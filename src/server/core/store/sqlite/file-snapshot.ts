import type { Database } from "bun:sqlite";
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { discardDraft } from "../../../../drafts.ts";

/** The newest snapshots that are kept. */
const kept = 2;

/** Returns the path of the copy that is made before a version migrates a database: `mcpctl.db.before-0.2.0`. */
function snapshotPath(path: string, version: string): string {
  return `${path}.before-${version.replaceAll(/[^\w.+-]/g, "_")}`;
}

/** The end of the name of a half copy, and of a file that SQLite makes beside one. */
const half = /\.part(-journal|-wal|-shm)?$/;

/** Returns the names of the copies of a database, whole ones or half ones. */
function copiesOf(path: string, areHalf: boolean): string[] {
  const start = `${basename(path)}.before-`;
  return readdirSync(dirname(path)).filter((name) => name.startsWith(start) && half.test(name) === areHalf);
}

/** Deletes the half copies that servers of any version have left, which were killed (failure mode 203). */
export function removeHalfSnapshots(path: string): void {
  for (const name of copiesOf(path, true)) rmSync(join(dirname(path), name), { force: true });
}

/** Returns the paths of the snapshots of a database, the newest first. */
export function snapshotsOf(path: string): string[] {
  const folder = dirname(path);
  const found = copiesOf(path, false);
  const at = new Map(found.map((name) => [name, statSync(join(folder, name)).mtimeMs]));
  return found.sort((a, b) => at.get(b)! - at.get(a)!).map((name) => join(folder, name));
}

/**
 * Copies a database before it is migrated, and keeps the last two such copies. The copy has its name only when all of it
 * is on the disk. Throws the error of SQLite or of the system: the database is then not migrated.
 *
 * @param version of mcpctl, which is about to migrate it
 * @returns the path of the copy
 */
export function snapshotFile(database: Database, path: string, version: string): string {
  const target = snapshotPath(path, version);
  const draft = `${target}.part`;
  try {
    // It has all values in plain text, as the database has. SQLite writes to an empty file.
    closeSync(openSync(draft, "wx", 0o600));
    database.run("vacuum into ?", [draft]);
    sync(draft);
    renameSync(draft, target);
  } catch (error) {
    discardDraft(draft);
    throw error;
  }
  sync(dirname(path));
  for (const old of snapshotsOf(path).slice(kept)) rmSync(old, { force: true });
  return target;
}

function sync(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
