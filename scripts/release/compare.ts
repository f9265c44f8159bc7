import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../compile.ts";

/**
 * Makes the release of this commit twice, in two fresh clones at different paths, and throws if one byte differs. Both
 * releases stay then, so that one can see why.
 *
 * @param flags what both are made with
 */
export async function compareReleases(flags: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "mcpctl-release-"));
  const releases = ["first", "second"].map((name) => join(folder, name)) as [string, string];
  let differences: string[] = [];
  try {
    for (const [i, place] of ["one", "another/and/deeper"].entries()) {
      const clone = join(folder, place);
      mkdirSync(clone, { recursive: true });
      const run = (...words: string[]) => {
        const { exitCode } = Bun.spawnSync(words, { cwd: clone, stdout: "inherit", stderr: "inherit" });
        if (exitCode !== 0) throw new Error(`${words.join(" ")} ended with ${exitCode}`);
      };
      run("git", "clone", "--quiet", root, ".");
      run(process.execPath, "install", "--frozen-lockfile", "--silent");
      run(process.execPath, "scripts/release.ts", ...flags);
      renameSync(join(clone, "dist/release"), releases[i]!);
      rmSync(clone, { recursive: true });
    }
    differences = differencesOf(...releases);
    console.log(`${readdirSync(releases[0]).length} files compared`);
  } finally {
    if (differences.length === 0) rmSync(folder, { recursive: true, force: true });
  }
  if (differences.length > 0)
    throw new Error(
      `the same commit gave other bytes:\n${differences.join("\n")}\nboth releases are in ${folder}`,
    );
  console.log("the same commit gave the same bytes");
}

/** Compares the files of two folders, byte by byte. Returns a line about each file that differs or that one folder lacks. */
export function differencesOf(first: string, second: string): string[] {
  const names = new Set([first, second].flatMap((folder) => readdirSync(folder)));
  return [...names].sort().flatMap((name) => {
    const [one, other] = [first, second].map((folder) =>
      readdirSync(folder).includes(name) ? readFileSync(join(folder, name)) : undefined,
    );
    if (!one || !other) return [`${name}: only in ${one ? first : second}`];
    if (one.equals(other)) return [];
    const at = one.findIndex((byte, i) => byte !== other[i]);
    return [`${name}: differs from byte ${at < 0 ? one.length : at} on`];
  });
}
