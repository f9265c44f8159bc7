import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { alone } from "./test/alone.ts";

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: "alone", include: alone } },
      // The others share the processes of the workers: to load the same modules for each file was half of the work.
      {
        extends: true,
        test: { name: "together", include: ["test/**/*.test.ts"], exclude: alone, isolate: false },
      },
    ],
    // Threads share one process, and with it umask, signals and the working directory.
    pool: "forks",
    // Much of a test is waiting for other processes. One core less than there are, which is the default, is half of two.
    maxWorkers: availableParallelism() + 2,
    // Bounds against hanging: a test is never late because other programs load the machine.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
    globalSetup: "test/global-setup.ts",
    reporters: ["default", "./test/count-reporter.ts"],
    coverage: {
      provider: "v8",
      include: ["src/**"],
      reporter: ["text-summary"],
    },
  },
});
