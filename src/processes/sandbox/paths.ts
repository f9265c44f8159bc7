import { realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { AppError } from "../../errors.ts";

/** True if a path is a folder or inside it. Both are absolute. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

/** Returns a path without links; for one that does not exist, with those of its nearest existing folder resolved. */
export function withoutLinks(path: string): string {
  const absolute = resolve(path);
  try {
    return realpathSync(absolute);
  } catch {
    const folder = dirname(absolute);
    return folder === absolute ? absolute : resolve(withoutLinks(folder), absolute.slice(folder.length + 1));
  }
}

/** Folders of the system that no program of others is given, because keys and passwords of the machine are in them. */
const systemSecrets = [
  "/etc/shadow",
  "/etc/gshadow",
  "/etc/sudoers",
  "/etc/ssh",
  "/etc/ssl/private",
  "/proc",
  "/sys",
];

/**
 * Checks the paths that somebody gives to a program. A folder that contains the private files of mcpctl, or is part of
 * them, is refused, and so are files of the system that hold keys (T140, T141).
 *
 * @param paths absolute paths
 * @param kept the data folder of the server or agent, and folders of other programs
 * @throws AppError `invalid_request`
 */
export function checkGivenPaths(paths: readonly string[], kept: readonly string[]): void {
  for (const path of paths) {
    if (!path.startsWith("/"))
      throw new AppError("invalid_request", `"${path}" cannot be given to a program: it is no absolute path`);
    const real = withoutLinks(path);
    const secret = [...kept.map(withoutLinks), ...systemSecrets].find(
      (one) => isWithin(one, real) || isWithin(real, one),
    );
    if (secret === undefined) continue;
    const relation = isWithin(real, secret) ? "it is part of" : "it contains";
    throw new AppError("invalid_request", `${path} cannot be given to a program: ${relation} ${secret}`, {
      hint: "name the folders in it that the program needs",
    });
  }
}
