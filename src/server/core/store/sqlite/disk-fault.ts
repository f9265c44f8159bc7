import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemCodeOf } from "../../../../system-errors.ts";
import { StoreError } from "../types.ts";

const broken = {
  refusal: "unavailable",
  reason: "the disk of the database reports errors: nothing was written",
} as const;

/** The causes of a failed write in words for callers, by the code of the system. */
const causes = {
  EROFS: { refusal: "unavailable", reason: "the disk of the database is read-only: nothing was written" },
  EIO: broken,
  EDQUOT: { refusal: "full", reason: "the disk quota is used up: nothing was written" },
  ENOSPC: { refusal: "full", reason: "the disk is full: nothing was written" },
} as const;

/** Codes of what is no fault of the disk: rights, a folder that is not there, too many open files. */
const otherCauses = new Set(["EACCES", "EPERM", "ENOENT", "EMFILE", "ENFILE"]);

/** Number of names that a broken disk has taken without a file, and that it refuses also when it works again. */
let spoiltNames = 0;

/** Bytes that the disk must take. With fewer, a disk that is nearly full would seem to be broken. */
const probeBytes = 64 * 1024;

/**
 * Returns a StoreError with the cause for which a folder takes no new file now; undefined if it takes one. SQLite has one
 * code for a disk over its quota, a read-only and a broken one, and some of its writes go to a read-only disk without an
 * error, as far as the kernel has their block in memory.
 *
 * @param cause the error of SQLite, if there is one
 */
export function diskFault(folder: string, cause?: unknown): StoreError | undefined {
  const probe = join(folder, `.disk-probe${spoiltNames || ""}`);
  try {
    // Without it the kernel may find out later that the disk has not taken it.
    writeFileSync(probe, new Uint8Array(probeBytes), { mode: 0o600, flush: true });
    return undefined;
  } catch (fault) {
    const known = storeErrorOfDisk(fault, cause);
    const code = systemCodeOf(fault) ?? "";
    if (code === "EEXIST") spoiltNames++;
    // A broken disk has many codes: ENXIO, EUCLEAN, ESTALE, ENOMEM, EEXIST for a file that it has not made.
    return known || otherCauses.has(code) ? known : errorsOfDisk(cause ?? fault);
  } finally {
    removeQuietly(probe);
  }
}

/**
 * Returns the StoreError for a write that SQLite could not make. Where the disk takes another file meanwhile, a part of it
 * does not work: SQLite tells a full disk apart.
 */
export function failedWrite(folder: string, cause: unknown): StoreError {
  return diskFault(folder, cause) ?? errorsOfDisk(cause);
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

function errorsOfDisk(cause: unknown): StoreError {
  return new StoreError(broken.refusal, { cause, reason: broken.reason });
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A read-only disk does not even look for the file.
  }
}
