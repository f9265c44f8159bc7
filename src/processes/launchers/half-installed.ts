import { readFileSync } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { writePrivateFile } from "../../private-file.ts";

/** Names the package whose program has started from this folder. */
const markName = ".installed";

/** Notes that the program of a package has started, so that its files are whole. */
export function noteInstalled(folder: string, packageName: string): void {
  writePrivateFile(join(folder, markName), packageName);
}

/** The begin of the names of what is being removed. */
const removedName = ".removed-";

/**
 * Removes what npx and bunx have installed for a program that has never started: an installation that was cut off, by
 * `startSeconds` say, would be taken for a whole one for ever. Downloaded files stay in the caches. It is put aside at once,
 * and deleted while the program starts: tens of thousands of files take minutes on a busy disk.
 *
 * @param folder the program's own folder, which no program uses at this time
 */
export async function removeHalfInstalled(folder: string, packageName: string): Promise<void> {
  if (installed(folder) === packageName) return;
  await Promise.all([putAside(join(folder, ".npm"), /^_npx$/), putAside(join(folder, "tmp"), /^bunx-/)]);
}

/** Removes the entries of a folder with such names, and those that an earlier run was removing. */
async function putAside(folder: string, names: RegExp): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const isRemoved = name.startsWith(removedName);
    if (!isRemoved && !names.test(name)) continue;
    const aside = isRemoved ? name : `${removedName}${crypto.randomUUID()}`;
    if (!isRemoved) await rename(join(folder, name), join(folder, aside));
    // What is left of it is removed by the next start.
    void rm(join(folder, aside), { recursive: true, force: true }).catch(() => undefined);
  }
}

function installed(folder: string): string | undefined {
  try {
    return readFileSync(join(folder, markName), "utf8");
  } catch {
    return undefined;
  }
}
