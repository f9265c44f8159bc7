import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type KeyRing, parseKeyRing, withKeyOnTop } from "../../backends/master-keys.ts";
import { AppError } from "../../errors.ts";
import { reasonText } from "../../system-errors.ts";

/** The file that holds the master keys. */
export interface KeyFile {
  path: string;
  /** True for a credential of systemd: a file in memory that exists for the server alone, and cannot be changed. */
  fromSystemd: boolean;
}

/** Size limit of the file, in bytes. */
const largest = 64 * 1024;

const give = "give --master-key-file the path of the file that holds the master keys";

/** False on Windows, which has no mode bits and cannot sync folders. */
const posix = process.platform !== "win32";

/**
 * Finds the file with the master keys: the one of the flag, of MCPCTL_MASTER_KEY_FILE, or systemd's credential
 * `master-key`, in this order. Returns undefined if there is none.
 *
 * @param flag `--master-key-file`
 */
export function findKeyFile(given: {
  flag: string | undefined;
  env: Readonly<Record<string, string | undefined>>;
}): KeyFile | undefined {
  const credentials = given.env["CREDENTIALS_DIRECTORY"] || undefined;
  const path = given.flag ?? (given.env["MCPCTL_MASTER_KEY_FILE"] || undefined);
  if (path !== undefined) {
    const fromSystemd = credentials !== undefined && dirname(resolve(path)) === resolve(credentials);
    return { path, fromSystemd };
  }
  const credential = credentials && join(credentials, "master-key");
  return credential && existsSync(credential) ? { path: credential, fromSystemd: true } : undefined;
}

/**
 * Reads the master keys. Throws AppError `unavailable`, which names the file, if it cannot be read, if others than its
 * owner may read it (T85), or if it holds something that is not a key.
 */
export function readKeyRing(file: KeyFile): KeyRing {
  return parseKeyRing(readKeyFile(file).content, file.path);
}

/**
 * Writes the new key of a ring above those in the file, in one step: after an interruption the file is the old one or
 * the new one. Its owner and mode stay.
 *
 * Throws AppError `conflict`, with what to do by hand, if the server cannot change the file, or if the file has other
 * keys than the server has read, which would be lost.
 *
 * @param now milliseconds since 1970
 */
export function saveKeyRing(file: KeyFile, ring: KeyRing, now: number): void {
  if (file.fromSystemd) throw rotateByHand("the master key file is a credential of systemd");
  const { content, stats } = readKeyFile(file);
  const before = parseKeyRing(content, file.path);
  const read = ring.keys.slice(1);
  if (read.length !== before.keys.length || before.keys.some(({ id }, i) => id !== read[i]!.id)) {
    throw new AppError("conflict", `${file.path} has changed since this server read it`, {
      hint: "restart the server, then run this again",
    });
  }
  const text = withKeyOnTop(content, ring.current, new Date(now).toISOString().slice(0, 10));
  try {
    // A symbolic link stays one: its target is replaced.
    replaceFile(realpathSync(file.path), text, stats);
  } catch (cause) {
    throw rotateByHand(`the master key file ${file.path} cannot be changed: ${reasonText(cause)}`, cause);
  }
}

/** Returns the error of a server that cannot rotate the master key by itself, with the steps to do it by hand. */
export function rotateByHand(why: string, cause?: unknown): AppError {
  return new AppError("conflict", why, {
    hint:
      'make a key with "openssl rand -base64 32", put it as the first line into the master key file of every server, ' +
      "leave the old keys below it, restart them all, and run this again: it then rewraps what is there",
    cause,
  });
}

function readKeyFile({ path, fromSystemd }: KeyFile): { content: Uint8Array; stats: Stats } {
  const refused = (why: string, hint?: string, cause?: unknown) =>
    new AppError("unavailable", `master key file ${path}: ${why}`, { ...(hint && { hint }), cause });
  let fd: number | undefined;
  try {
    // Without O_NONBLOCK, opening a named pipe would block until somebody writes to it.
    fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw refused("it is not a regular file", give);
    if (posix && !fromSystemd && (stats.mode & 0o077) !== 0)
      throw refused("others than its owner may read or change it", `chmod 600 ${path}`);
    if (stats.size > largest) throw refused(`it is larger than ${largest / 1024} KiB`, give);
    return { content: readFileSync(fd), stats };
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw refused(`it cannot be read: ${reasonText(error)}`, give, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function replaceFile(path: string, text: string, { mode, uid, gid }: Stats): void {
  // The name is always the same: a file that a crash left here, with keys in it, goes with the next rotation.
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  try {
    const fd = openSync(temporary, "wx", 0o600);
    try {
      const own = fstatSync(fd);
      if (own.uid !== uid || own.gid !== gid) fchownSync(fd, uid, gid);
      fchmodSync(fd, mode & 0o777);
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (posix) syncFolder(dirname(path));
}

/** Syncs a folder, so that a power cut does not undo a rename in it. */
function syncFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
