import {
  closeSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { discardDraft, draftOf, removeAbandonedDrafts } from "../../../drafts.ts";
import { AppError } from "../../../errors.ts";
import { reasonText, systemReason } from "../../../system-errors.ts";
import { withoutByteOrderMark } from "../../../wire/text.ts";

const maxBytes = 16 * 1024 * 1024;

/** A file of another program. */
export interface ClientFile {
  /** The file itself, where the path leads over links. */
  path: string;
  /** Its text without byte order mark; undefined if there is no file. */
  text: string | undefined;
  hasMark: boolean;
}

/**
 * Reads a file of another program.
 *
 * @param folder the folder that it must be in: a link in a folder that somebody else made must not lead out of it (T189),
 *   and a link of the user's own not out of `~` (T242)
 * @throws AppError `invalid_request` if it cannot be read, is no text, or is somewhere else
 */
export function readClientFile(named: string, folder: string): ClientFile {
  try {
    const path = targetOf(named);
    if (relative(targetOf(folder), path).startsWith(".."))
      throw new AppError("invalid_request", `${named} is refused: it is a link that leads out of ${folder}`);
    if (!exists(path)) return { path, text: undefined, hasMark: false };
    if (!statSync(path).isFile())
      throw new AppError("invalid_request", `${named} is refused: it is not a file`);
    const bytes = readFileSync(path);
    if (bytes.length > maxBytes)
      throw new AppError("invalid_request", `${named} is refused: it is over 16 MB`);
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const bare = withoutByteOrderMark(text);
    return { path, text: bare, hasMark: bare !== text };
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const reason = cause instanceof TypeError ? "it is not UTF-8" : reasonText(cause);
    throw new AppError("invalid_request", `cannot read ${named}: ${reason}`, { cause });
  }
}

/** Returns the path of the copy that is kept of a file before it is changed. */
export function backupOf({ path }: Pick<ClientFile, "path">): string {
  return `${path}.mcpctl-backup`;
}

/**
 * Writes a text in place of a file, with the file's rights, and keeps the old one beside it.
 *
 * @param isPrivate true takes the rights of others away, because a token is in it
 * @returns the path of the old one; undefined if there was none
 * @throws AppError `invalid_request` if the file has changed meanwhile, or cannot be written; it is as it was then
 */
export function writeClientFile(
  { path, text: before, hasMark }: ClientFile,
  text: string,
  isPrivate = false,
): string | undefined {
  const draft = draftOf(path);
  const backup = before === undefined ? undefined : backupOf({ path });
  try {
    mkdirSync(dirname(path), { recursive: true });
    removeAbandonedDrafts(path);
    const usual = before === undefined ? 0o666 & ~process.umask() : statSync(path).mode & 0o777;
    const mode = isPrivate ? usual & 0o600 : usual;
    const file = openSync(draft, "wx", mode);
    try {
      writeFileSync(file, (hasMark ? "\ufeff" : "") + text, { flush: true });
    } finally {
      closeSync(file);
    }
    const now = exists(path) ? withoutByteOrderMark(readFileSync(path, "utf8")) : undefined;
    if (now !== before)
      throw new AppError("invalid_request", `${path} was changed by another program; try again`);
    if (backup !== undefined) copyFileSync(path, backup);
    renameSync(draft, path);
    return backup;
  } catch (cause) {
    discardDraft(draft);
    if (cause instanceof AppError) throw cause;
    const { text: reason = "it cannot be written", hint } = systemReason(cause) ?? {};
    throw new AppError("invalid_request", `cannot write ${path}: ${reason}`, {
      cause,
      ...(hint && { hint }),
    });
  }
}

/** Returns the file that a path leads to, also where that file is not there yet. */
function targetOf(path: string): string {
  if (exists(path)) return realpathSync(path);
  const folder = dirname(path);
  if (isLink(path)) throw new AppError("invalid_request", `${path} is refused: it is a link to nothing`);
  return folder === path ? path : join(targetOf(folder), basename(path));
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
