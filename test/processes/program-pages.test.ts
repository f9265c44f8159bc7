import { readFileSync, readlinkSync } from "node:fs";
import { expect, it } from "vitest";
import { releaseProgramPages } from "../../src/processes/program-pages.ts";
import { residentSection } from "../support/processes/resident-section.ts";

it.runIf(process.platform === "linux")("gives back the resident code, and the program runs on", async () => {
  const before = residentSection(process.pid, ".text");
  expect(await releaseProgramPages()).toBeGreaterThan(before);
  expect(residentSection(process.pid, ".text")).toBeLessThan(before * 0.75);
  // What is read-only now and was written before, such as settings of the engine, is still there.
  expect(readlinkSync("/proc/self/exe")).toBe(process.execPath);
  expect(JSON.parse(readFileSync("package.json", "utf8"))).toHaveProperty("version");
});
