import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Threads share one process, and with it umask, signals and the working directory.
    pool: "forks",
    // Much of a test is waiting for other processes. One core less than there are, which is the default, is half of two.
    maxWorkers: availableParallelism() + 1,
    // Bounds against hanging: a test is never late because other programs load the machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
    globalSetup: "test/global-setup.ts",
    reporters: process.env["CI"] ? ["default", "./test/count-reporter.ts"] : ["default"],
    coverage: {
      provider: "v8",
      include: ["src/**"],
      reporter: ["text-summary"],
    },
  },
});
