import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { AppError } from "../../errors.ts";

/**
 * Reads a file of one's own. Undefined when there is none.
 *
 * @param secret whether others must not even read it; that they must not write to it holds for every one
 * @throws AppError when it is a symbolic link or open to others (T85): what it says would not be its owner's word
 */
export function readPrivate(path: string, { secret }: { secret: boolean }): string | undefined {
  let file: number;
  try {
    checkFolder(dirname(path));
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (code === "ELOOP") throw refused(path, "it is a symbolic link");
    throw error;
  }
  try {
    const { mode, uid } = fstatSync(file);
    if (uid !== 0 && uid !== process.geteuid?.()) throw refused(path, "it belongs to somebody else");
    if (secret && (mode & 0o077) !== 0) throw refused(path, "others can read it", `run: chmod 600 ${path}`);
    if ((mode & 0o022) !== 0) throw refused(path, "others can write to it", `run: chmod go-w ${path}`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/** Writes a file that only its owner can read, all of it or none: a new file that takes the old one's place. */
export function writePrivate(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  checkFolder(dirname(path));
  const draft = join(dirname(path), `.${basename(path)}.${crypto.randomUUID()}`);
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = openSync(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
    renameSync(draft, path);
  } catch (error) {
    unlinkSync(draft);
    throw error;
  } finally {
    closeSync(file);
  }
}

/** Whoever may write to the folder may put another file in the place of ours. */
function checkFolder(path: string): void {
  if ((statSync(path).mode & 0o022) !== 0)
    throw refused(path, "others can write to it", `run: chmod go-w ${path}`);
}

function refused(path: string, why: string, hint?: string): AppError {
  return new AppError("invalid_request", `${path} is refused: ${why}`, { ...(hint && { hint }) });
}
