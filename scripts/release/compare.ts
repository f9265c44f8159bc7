import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../compile.ts";
import { sumsFile } from "./checksums.ts";

/**
 * Makes the release of this commit twice, in two fresh clones at different paths, and throws if one byte differs.
 *
 * @param flags what both are made with
 */
export async function compareReleases(flags: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "mcpctl-release-"));
  try {
    const sums: string[] = [];
    for (const place of ["first", "second/and/deeper"]) {
      const clone = join(folder, place);
      mkdirSync(clone, { recursive: true });
      const run = (...words: string[]) => {
        const { exitCode } = Bun.spawnSync(words, { cwd: clone, stdout: "inherit", stderr: "inherit" });
        if (exitCode !== 0) throw new Error(`${words.join(" ")} ended with ${exitCode}`);
      };
      run("git", "clone", "--quiet", root, ".");
      run(process.execPath, "install", "--frozen-lockfile", "--silent");
      run(process.execPath, "scripts/release.ts", ...flags);
      const made = join(clone, "dist/release");
      sums.push(readFileSync(join(made, sumsFile), "utf8"));
      console.log(`${readdirSync(made).length} files in ${made}`);
      rmSync(clone, { recursive: true });
    }
    const [first = "", second = ""] = sums;
    const known = new Set(second.split("\n"));
    const different = first.split("\n").filter((line) => !known.has(line));
    if (first !== second) throw new Error(`the same commit gave other bytes:\n${different.join("\n")}`);
    console.log("the same commit gave the same bytes");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
