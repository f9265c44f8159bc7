import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { noteInstalled, removeHalfInstalled } from "../../../src/processes/launchers/half-installed.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const parts = [".npm/_npx/4948964c6f03a544/node_modules", "tmp/bunx-0-x@1.0.0", ".npm/_cacache", "tmp/other"];

function programFolder() {
  const folder = temporaryFolder();
  for (const part of parts) mkdirSync(join(folder, part), { recursive: true });
  return { folder, left: () => parts.filter((part) => existsSync(join(folder, part))) };
}

// Failure mode 119
it("removes the installation of a package that has never started, and keeps what was downloaded", () => {
  const { folder, left } = programFolder();
  removeHalfInstalled(folder, "npm:x@1.0.0");
  expect(left()).toEqual([".npm/_cacache", "tmp/other"]);
});

it("keeps an installation that has started once, until another version is wanted", () => {
  const { folder, left } = programFolder();
  noteInstalled(folder, "npm:x@1.0.0");
  removeHalfInstalled(folder, "npm:x@1.0.0");
  expect(left()).toEqual(parts);
  removeHalfInstalled(folder, "npm:x@2.0.0");
  expect(left()).toEqual([".npm/_cacache", "tmp/other"]);
});

it("does nothing where no program has been yet", () => {
  removeHalfInstalled(join(temporaryFolder(), "none"), "npm:x@1.0.0");
});
