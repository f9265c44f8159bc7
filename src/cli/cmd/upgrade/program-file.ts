import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { AppError } from "../../../errors.ts";

/** The program that is replaced, with the names beside it. */
export interface ProgramFile {
  path: string;
  /** The program before the last upgrade. */
  previous: string;
}

/** Returns the files of a program. `previous` has the ending that Windows needs to start it. */
export function programFile(path: string): ProgramFile {
  const ending = path.endsWith(".exe") ? ".exe" : "";
  return { path, previous: `${path.slice(0, path.length - ending.length)}.previous${ending}` };
}

/** The command by which each package manager upgrades a program. */
const commands: Record<string, string> = {
  deb: "sudo apt-get install --only-upgrade mcpctl, or sudo apt-get install ./FILE.deb with the new file",
  rpm: "sudo dnf upgrade mcpctl, or sudo dnf install ./FILE.rpm with the new file",
  apk: "sudo apk upgrade mcpctl, or sudo apk add ./FILE.apk with the new file",
  homebrew: "brew upgrade mcpctl",
  nix: "nix profile upgrade mcpctl",
  image: "pull the newer image, and start a new container of it",
};

/** Throws AppError `conflict` if a package has installed the program: its files are the package manager's. */
export function assertOwn(program: string): void {
  const owner = packageOf(program);
  if (owner === undefined) return;
  throw new AppError(
    "conflict",
    `${program} was installed by a package (${owner}), which has to upgrade it`,
    {
      hint: commands[owner] ?? "use the program that has installed it",
    },
  );
}

function packageOf(program: string): string | undefined {
  if (program.startsWith("/nix/store/")) return "nix";
  if (program.includes("/Cellar/")) return "homebrew";
  try {
    return readFileSync(join(dirname(program), "../lib/mcpctl/package"), "utf8").trim();
  } catch {
    return undefined;
  }
}

/** Throws AppError `forbidden` if the program's folder cannot be written to. */
export function assertReplaceable(program: string, again: string): void {
  try {
    accessSync(dirname(program), constants.W_OK);
  } catch (cause) {
    throw new AppError("forbidden", `you may not write to ${dirname(program)}, where the program is`, {
      cause,
      hint: `as an administrator: ${again}`,
    });
  }
}

/** The begin of the names of files that an upgrade writes before it is done. */
const draftPrefix = (program: string) => `.${basename(program)}.upgrade-`;

/** A new name in the folder of the program, so that the file can take its place at once. */
export function draftOf(program: string): string {
  return join(dirname(program), `${draftPrefix(program)}${crypto.randomUUID()}`);
}

/** Removes what upgrades have left that were killed, at least an hour ago: a newer one may still be at work. */
export function removeOldDrafts(program: string, now: number): void {
  const folder = dirname(program);
  for (const name of readdirSync(folder).filter((one) => one.startsWith(draftPrefix(program)))) {
    const path = join(folder, name);
    if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now) < now - 3_600_000)
      rmSync(path, { force: true });
  }
}

/**
 * Puts a file in the place of the program and keeps the old one. At every moment there is a whole program in that place,
 * the old or the new one, whenever this process or the machine ends (failure mode 218).
 *
 * @param draft a file in the same folder, which is gone afterwards
 * @param step called before each change, with its name
 */
export function replaceProgram(
  { path, previous }: ProgramFile,
  draft: string,
  step: (name: string) => void = () => {},
): void {
  const { mode, uid, gid } = statSync(path);
  step("permissions");
  chmodSync(draft, mode & 0o777);
  const { uid: ownUid, gid: ownGid } = statSync(draft);
  if (ownUid !== uid || ownGid !== gid) chownSync(draft, uid, gid);
  flush(draft);
  const kept = draftOf(path);
  if (process.platform === "win32") {
    // A program that runs cannot be replaced there, but renamed.
    step("keep the old program");
    rmSync(previous, { force: true });
    renameSync(path, previous);
  } else {
    step("link the old program");
    linkOrCopy(path, kept);
    step("keep the old program");
    renameSync(kept, previous);
  }
  step("replace");
  renameSync(draft, path);
  // Two names of one file: then a rename changes nothing. It is so after an upgrade that was ended before the last step.
  for (const left of [kept, draft]) rmSync(left, { force: true });
  if (process.platform !== "win32") flush(dirname(path));
}

/**
 * Swaps the program with the one before it, so that a second call undoes the first.
 *
 * @throws AppError `not_found` if there is none
 */
export function swapWithPrevious(
  { path, previous }: ProgramFile,
  step: (name: string) => void = () => {},
): void {
  if (!existsSync(previous))
    throw new AppError("not_found", `there is no earlier program: ${previous} does not exist`);
  const draft = draftOf(path);
  step("take the earlier program");
  if (process.platform === "win32") renameSync(previous, draft);
  else linkOrCopy(previous, draft);
  replaceProgram({ path, previous }, draft, step);
}

/** Gives a file a second name; copies it where the disk knows no second names. */
function linkOrCopy(path: string, other: string): void {
  try {
    linkSync(path, other);
  } catch {
    copyFileSync(path, other, constants.COPYFILE_EXCL);
  }
}

function flush(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
