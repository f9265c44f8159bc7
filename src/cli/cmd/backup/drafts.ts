import { readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** `.home.tar.zst.1234.0f8c21d4.part`: with the id of the process that writes it. */
const form = /^\..+\.(\d{1,10})\.[0-9a-f]{8}\.part$/;
/** A transfer ends when no byte has come for a minute: a file without a change for longer is nobody's, if its process is gone. */
const unchangedFor = 2 * 60_000;

/** Returns a name for a backup that is being written. */
export function draftOf(path: string): string {
  const random = crypto.randomUUID().slice(0, 8);
  return join(dirname(path), `.${basename(path)}.${process.pid}.${random}.part`);
}

/**
 * Deletes half backups in a folder whose processes were killed (failure mode 214). The folder may be shared: those that
 * another machine writes have changed a moment ago.
 */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = form.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const path = join(folder, name);
    const { mtimeMs } = (await stat(path).catch(() => undefined)) ?? { mtimeMs: Date.now() };
    if (Date.now() - mtimeMs > unchangedFor) await rm(path, { force: true }).catch(() => {});
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user.
    return (error as { code?: string }).code === "EPERM";
  }
}
