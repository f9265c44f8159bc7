import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { noteInstalled, removeHalfInstalled } from "../../../src/processes/launchers/half-installed.ts";
import { passes } from "../../support/passes.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const parts = [".npm/_npx/4948964c6f03a544/node_modules", "tmp/bunx-0-x@1.0.0", ".npm/_cacache", "tmp/other"];

function programFolder() {
  const folder = temporaryFolder();
  for (const part of parts) mkdirSync(join(folder, part), { recursive: true });
  return { folder, left: () => parts.filter((part) => existsSync(join(folder, part))) };
}

// Failure mode 119
it("removes the installation of a package that has never started, and keeps what was downloaded", async () => {
  const { folder, left } = programFolder();
  await removeHalfInstalled(folder, "npm:x@1.0.0");
  expect(left()).toEqual([".npm/_cacache", "tmp/other"]);
});

it("keeps an installation that has started once, until another version is wanted", async () => {
  const { folder, left } = programFolder();
  noteInstalled(folder, "npm:x@1.0.0");
  await removeHalfInstalled(folder, "npm:x@1.0.0");
  expect(left()).toEqual(parts);
  await removeHalfInstalled(folder, "npm:x@2.0.0");
  expect(left()).toEqual([".npm/_cacache", "tmp/other"]);
});

it("removes what an earlier run was removing when it ended", async () => {
  const { folder } = programFolder();
  mkdirSync(join(folder, ".npm/.removed-1/node_modules"), { recursive: true });
  await removeHalfInstalled(folder, "npm:x@1.0.0");
  await passes(() => expect(readdirSync(join(folder, ".npm"))).toEqual(["_cacache"]));
});

it("does nothing where no program has been yet", async () => {
  await removeHalfInstalled(join(temporaryFolder(), "none"), "npm:x@1.0.0");
});
