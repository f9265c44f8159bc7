import { expect, it } from "vitest";

it("runs under Bun, of the version that is pinned", async () => {
  const { packageManager } = await Bun.file(`${import.meta.dirname}/../package.json`).json();
  expect(`bun@${process.versions.bun}`).toBe(packageManager);
});
