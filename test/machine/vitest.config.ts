import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** The tests of `bun run systemd`, which are no part of the others: they boot a systemd of their own. */
export default defineConfig({
  test: {
    root: join(import.meta.dirname, "../.."),
    include: ["test/machine/*.systemd.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000, interval: 100 } },
    reporters: ["default", "./test/count-reporter.ts"],
  },
});
