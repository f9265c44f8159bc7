import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { elfSection } from "../../src/processes/elf-section.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

it.runIf(process.platform === "linux")("finds a section of a program by its name", () => {
  const { offset, length } = elfSection("/proc/self/exe", ".interp")!;
  const loader = readFileSync("/proc/self/exe").toString("latin1", offset, offset + length);
  expect(loader).toMatch(/^\/\S+ld-\S+\0$/);
  expect(elfSection("/proc/self/exe", ".interpreter")).toBeUndefined();
});

it("finds none in other files", () => {
  const file = join(temporaryFolder(), "script");
  writeFileSync(file, "#!/bin/sh\n");
  expect(elfSection(file, ".bun")).toBeUndefined();
});
