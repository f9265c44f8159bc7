import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Threads share one process, and with it umask, signals and the working directory.
    pool: "forks",
    testTimeout: 20_000,
    hookTimeout: 30_000,
    globalSetup: "test/global-setup.ts",
    reporters: process.env["CI"] ? ["default", "./test/count-reporter.ts"] : ["default"],
    coverage: {
      provider: "v8",
      include: ["src/**"],
      reporter: ["text-summary"],
    },
  },
});
