import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { AppError } from "../errors.ts";

/**
 * Reads a file of one's own. Undefined when there is none.
 *
 * @param secret whether others must not even read it; that they must not write to it holds for every one
 * @throws AppError `invalid_request` when it is a symbolic link or open to others (T85): it may say what is to be run
 */
export function readOwnFile(path: string, { secret }: { secret: boolean }): string | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    const { code } = cause as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw refused(path, code === "ELOOP" ? "it is a symbolic link" : `it cannot be read (${code})`);
  }
  try {
    const { mode, uid } = fstatSync(file);
    if (uid !== 0 && uid !== process.geteuid?.()) throw refused(path, "it belongs to somebody else");
    if (secret && (mode & 0o077) !== 0) throw refused(path, "others can read it", `run: chmod 600 ${path}`);
    if ((mode & 0o022) !== 0) throw refused(path, "others can write to it", `run: chmod go-w ${path}`);
    // Whoever may write to the folder may put another file in the place of ours.
    if ((statSync(dirname(path)).mode & 0o022) !== 0)
      throw refused(path, "others can write to its folder", `run: chmod go-w ${dirname(path)}`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/** Writes a file that only its owner can read, all of it or none: a new file that takes the old one's place. */
export function writeOwnFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${crypto.randomUUID()}`;
  try {
    writeFileSync(draft, text, { mode: 0o600, flag: "wx", flush: true });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function refused(path: string, why: string, hint?: string): AppError {
  return new AppError("invalid_request", `${path} is refused: ${why}`, { ...(hint && { hint }) });
}
