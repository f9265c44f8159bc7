import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/**
 * Files that need a process of their own: they replace modules, or measure the memory of their process. The soaks are
 * here because this project starts first, and they take long.
 */
const alone = [
  "test/backends/added-type.test.ts",
  "test/binary/*-soak.test.ts",
  "test/cli/kinds/added-extension.test.ts",
  "test/cli/kinds/kind-writes.test.ts",
  "test/server/http/kind-writes.test.ts",
  "test/server/inference/back-pressure.test.ts",
  "test/server/inference/faults.test.ts",
];

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: "alone", include: alone } },
      // The other files share the processes of the workers: half of the suite's time was loading the same modules.
      {
        extends: true,
        test: { name: "together", include: ["test/**/*.test.ts"], exclude: alone, isolate: false },
      },
    ],
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
