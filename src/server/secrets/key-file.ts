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

/** Where the master keys are. */
export interface KeyFile {
  path: string;
  /** systemd made it, in memory, at the start of the server: it is the server's alone, and goes with it. */
  fromSystemd: boolean;
}

const largest = 64 * 1024;

const give = "give --master-key-file the path of the file that holds the master keys";

/** Windows has neither the mode bits that say who may read a file nor folders that can be synced. */
const posix = process.platform !== "win32";

/**
 * Which file holds the master keys: the one of the flag, of MCPCTL_MASTER_KEY_FILE, or systemd's credential
 * `master-key`, if it is there; undefined when there is none of them.
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
 * Reads the master keys. Throws AppError `unavailable`, which names the file, when it cannot be read, when others
 * than its owner may read it (T85), and when something else than keys is in it.
 */
export function readKeyRing(file: KeyFile): KeyRing {
  return parseKeyRing(readKeyFile(file).content, file.path);
}

/**
 * Puts the new key of a ring on top of those in the file, in one step: whatever happens, the file is the old one or
 * the new one. Its owner and mode stay.
 *
 * Throws AppError `conflict`, with what to do by hand, when the server cannot change the file, and when other keys
 * are in it than the server has read: they would be lost, or ours would.
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
    // A link stays a link.
    replaceFile(realpathSync(file.path), text, stats);
  } catch (cause) {
    throw rotateByHand(`the master key file ${file.path} cannot be changed: ${codeOf(cause)}`, cause);
  }
}

/** Why the server does not rotate the master key by itself, and how it is done then. */
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
    // Without O_NONBLOCK a named pipe would keep the server waiting for somebody to write to it.
    fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw refused("it is not a regular file", give);
    if (posix && !fromSystemd && (stats.mode & 0o077) !== 0)
      throw refused("others than its owner may read or change it", `chmod 600 ${path}`);
    if (stats.size > largest) throw refused(`it is larger than ${largest / 1024} KiB`, give);
    return { content: readFileSync(fd), stats };
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw refused(`it cannot be read: ${codeOf(error)}`, give, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function replaceFile(path: string, text: string, { mode, uid, gid }: Stats): void {
  // One name for all: what a crash leaves here, keys and all, is gone with the next rotation.
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

/** So that a power cut does not undo the rename. */
function syncFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? "unknown error";
}
