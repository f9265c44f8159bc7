/**
 * Test files that need a process of their own: they replace modules, or measure the memory of their process. The soaks
 * are here because these files start first, and they take long.
 */
export const alone = [
  "test/backends/added-type.test.ts",
  "test/binary/*-soak.test.ts",
  "test/cli/kinds/added-extension.test.ts",
  "test/cli/kinds/kind-writes.test.ts",
  "test/server/http/kind-writes.test.ts",
  "test/server/inference/back-pressure.test.ts",
  "test/server/inference/faults.test.ts",
  "test/server/inference/stream-memory.test.ts",
];
