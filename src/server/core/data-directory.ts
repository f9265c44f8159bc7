import { accessSync, chmodSync, constants, mkdirSync, readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
import { reasonText, systemCodeOf } from "../../system-errors.ts";

/**
 * Creates the data directory if it is missing, and closes it to other users.
 *
 * @throws AppError with the command that mends it, if the directory cannot be used, belongs to a third user, or has
 *   content that other users could have written (T123)
 */
export function prepareDataDirectory(path: string, user: number | undefined = process.geteuid?.()): void {
  let stats: Stats;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    stats = statSync(path);
  } catch (cause) {
    throw cannotUse(path, cause, user);
  }
  if (user !== undefined) checkOwner(path, stats, user);
  try {
    if (stats.uid === user && (stats.mode & 0o077) !== 0) chmodSync(path, 0o700);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw cannotUse(path, cause, user);
  }
}

function checkOwner(path: string, { uid, mode }: Stats, user: number): void {
  const canOthersWrite = (mode & 0o022) !== 0;
  if (uid !== user && uid !== 0)
    throw refused(path, `it belongs to user ${uid}, and the server runs as user ${user}`, {
      hint: `Run the server as that user, or run: chown -R ${user} ${path}`,
    });
  // A folder of root is used as it is: its mode cannot be changed.
  if (uid !== user && canOthersWrite)
    throw refused(path, "it belongs to root, and others can write to it", {
      hint: `Use a folder in it: --data-dir ${join(path, "mcpctl")}`,
    });
  if (uid === user && canOthersWrite && readdirSync(path).length > 0)
    throw refused(path, "other users can write to it", {
      hint: `Look at what is in it, then run: chmod 700 ${path}`,
    });
}

function cannotUse(path: string, cause: unknown, user: number | undefined): AppError {
  const isReadOnly = systemCodeOf(cause) === "EROFS";
  const who = user === undefined ? "this user" : `user ${user}`;
  return new AppError("unavailable", `cannot use the data directory ${path}: ${reasonText(cause)}`, {
    cause,
    hint: isReadOnly
      ? "Name a folder on a disk that can be written to: --data-dir DIR"
      : `Name a folder that ${who} can write to: --data-dir DIR`,
  });
}

function refused(path: string, why: string, options: { hint: string }): AppError {
  return new AppError("unavailable", `the data directory ${path} is refused: ${why}`, options);
}
