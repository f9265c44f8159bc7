import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "./tar.ts";

/** The file with the sums of all others in the folder of a release. */
export const sumsFile = "SHA256SUMS";

/** Writes the sums of all files of a folder, in the form of `sha256sum`. */
export function writeChecksums(folder: string): void {
  const names = readdirSync(folder)
    .filter((name) => !name.startsWith(sumsFile))
    .sort();
  const lines = names.map((name) => `${sha256(readFileSync(join(folder, name)))}  ${name}\n`);
  writeFileSync(join(folder, sumsFile), lines.join(""));
}
