import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writePrivateFile } from "../../private-file.ts";

/** Names the package whose program has started from this folder. */
const markName = ".installed";

/** Notes that the program of a package has started, so that its files are whole. */
export function noteInstalled(folder: string, packageName: string): void {
  writePrivateFile(join(folder, markName), packageName);
}

/**
 * Removes what npx and bunx have installed for a program that has never started: an installation that was cut off, by
 * `startSeconds` say, would be taken for a whole one for ever. Downloaded files stay in the caches.
 *
 * @param folder the program's own folder, which no program uses at this time
 */
export function removeHalfInstalled(folder: string, packageName: string): void {
  if (installed(folder) === packageName) return;
  rmSync(join(folder, ".npm/_npx"), { recursive: true, force: true });
  const temporary = join(folder, "tmp");
  for (const name of names(temporary))
    if (name.startsWith("bunx-")) rmSync(join(temporary, name), { recursive: true, force: true });
}

function installed(folder: string): string | undefined {
  try {
    return readFileSync(join(folder, markName), "utf8");
  } catch {
    return undefined;
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
