import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { discardDraft, draftOf, removeAbandonedDrafts } from "./drafts.ts";
import { AppError } from "./errors.ts";
import { reasonText } from "./system-errors.ts";

/**
 * Reads a file whose content is its owner's word: a config that names commands to run, a token, an API key.
 *
 * @param secret true refuses a file that others can read; a file that others can write to is always refused
 * @returns its text; undefined when there is no such file or folder
 * @throws AppError `invalid_request` when it is a symbolic link, belongs to another user, cannot be read, or when
 *   others can write to it or to its folder (T85)
 */
export function readPrivateFile(path: string, { secret }: { secret: boolean }): string | undefined {
  let file: number;
  try {
    checkFolder(path);
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const { code } = cause as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw refused(
      path,
      code === "ELOOP" ? "it is a symbolic link" : `it cannot be read: ${reasonText(cause)}`,
    );
  }
  try {
    const { mode, uid } = fstatSync(file);
    if (uid !== 0 && uid !== process.geteuid?.()) throw refused(path, "it belongs to another user");
    if (secret && (mode & 0o077) !== 0) throw refused(path, "others can read it", `run: chmod 600 ${path}`);
    if ((mode & 0o022) !== 0) throw refused(path, "others can write to it", `run: chmod go-w ${path}`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/**
 * Writes a file that only its owner can read, and makes its folder where there is none. A new file takes the place of
 * the old one, so that a reader finds the whole of one of the two.
 *
 * @throws AppError `invalid_request` when others can write to its folder (T85); the system's error when the file
 *   cannot be written
 */
export function writePrivateFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  checkFolder(path);
  removeAbandonedDrafts(path);
  const draft = draftOf(path);
  try {
    writeFileSync(draft, text, { mode: 0o600, flag: "wx", flush: true });
    renameSync(draft, path);
  } catch (error) {
    discardDraft(draft);
    throw error;
  }
}

/** A user who can write to the folder can put another file in the place of this one. */
function checkFolder(path: string): void {
  const folder = dirname(path);
  if ((statSync(folder).mode & 0o022) !== 0)
    throw refused(path, "others can write to its folder", `run: chmod go-w ${folder}`);
}

function refused(path: string, why: string, hint?: string): AppError {
  return new AppError("invalid_request", `${path} is refused: ${why}`, { ...(hint && { hint }) });
}
