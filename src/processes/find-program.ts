import { accessSync, constants, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";

/**
 * Finds a program as a shell does, without the current folder.
 *
 * @param path the variable PATH
 * @returns an absolute path; undefined when there is none that this user may run
 */
export function findProgram(name: string, path: string): string | undefined {
  const candidates = name.includes("/")
    ? [name].filter((one) => isAbsolute(one))
    : path.split(":").flatMap((folder) => (isAbsolute(folder) ? [join(folder, name)] : []));
  return candidates.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
