import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemCodeOf } from "../../../../system-errors.ts";
import { StoreError } from "../types.ts";

/** The causes of a failed write in words for callers, by the code of the system. */
const causes = {
  EROFS: { refusal: "unavailable", reason: "the disk of the database is read-only: nothing was written" },
  EIO: { refusal: "unavailable", reason: "the disk of the database reports errors: nothing was written" },
  EDQUOT: { refusal: "full", reason: "the disk quota is used up: nothing was written" },
  ENOSPC: { refusal: "full", reason: "the disk is full: nothing was written" },
} as const;

/**
 * Returns a StoreError with the cause for which a folder takes no new file now; undefined if it takes one. SQLite has one
 * code for a disk over its quota, a read-only and a broken one, and some of its writes go to a read-only disk without an
 * error, as far as the kernel has their block in memory.
 *
 * @param cause the error of SQLite, if there is one
 */
export function diskFault(folder: string, cause?: unknown): StoreError | undefined {
  const probe = join(folder, ".disk-probe");
  try {
    writeFileSync(probe, new Uint8Array(4096), { mode: 0o600 });
    return undefined;
  } catch (fault) {
    return storeErrorOfDisk(fault, cause);
  } finally {
    removeQuietly(probe);
  }
}

/**
 * Returns the StoreError for an error of the system while a file is written; undefined if the disk is not the reason.
 *
 * @param cause the error of SQLite, if there is one
 */
export function storeErrorOfDisk(fault: unknown, cause: unknown = fault): StoreError | undefined {
  const code = systemCodeOf(fault) ?? "";
  if (!Object.hasOwn(causes, code)) return undefined;
  const { refusal, reason } = causes[code as keyof typeof causes];
  return new StoreError(refusal, { cause, reason });
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A read-only disk does not even look for the file.
  }
}
