import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";

/** Compares a text with its golden file in test/golden/cli. UPDATE_GOLDEN=1 writes the file. */
export function expectGolden(name: string, text: string): void {
  const file = new URL(`../../golden/cli/${name}`, import.meta.url).pathname;
  if (process.env["UPDATE_GOLDEN"]) writeFileSync(file, text);
  expect(existsSync(file), `${name} is missing: run with UPDATE_GOLDEN=1`).toBe(true);
  expect(text).toBe(readFileSync(file, "utf8"));
}
