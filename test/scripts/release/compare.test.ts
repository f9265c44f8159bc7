import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { differencesOf } from "../../../scripts/release/compare.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** Writes files into a new folder. */
function folderOf(files: Record<string, string>): string {
  const folder = join(temporaryFolder(), "release");
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

it("the comparison of two releases names each file that differs, and from which byte on", () => {
  const first = folderOf({ same: "abc", other: "abcd", longer: "ab", gone: "" });
  const second = folderOf({ same: "abc", other: "abxd", longer: "abc", new: "" });
  expect(differencesOf(first, second)).toEqual([
    `gone: only in ${first}`,
    "longer: differs from byte 2 on",
    `new: only in ${second}`,
    "other: differs from byte 2 on",
  ]);
  expect(differencesOf(first, first)).toEqual([]);
});
