import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const folders = [import.meta.dirname, `${import.meta.dirname}/../../server/inference`];
const files = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.startsWith("cases-") || name === "cases.test.ts")
    .map((name) => `${folder}/${name}`),
);

/** The cases that titles of tests begin with: `case 24: …`. */
const tested = new Set(
  files.flatMap((file) =>
    Array.from(readFileSync(file, "utf8").matchAll(/^\s*(?:it|\]\))\(\s*"case (\d+): /gm), ([, number]) =>
      Number(number),
    ),
  ),
);

it("every known case of chat and messages, 1 to 77, has a test that begins with its number", () => {
  const all = Array.from({ length: 77 }, (_, index) => index + 1);
  expect(all.filter((number) => !tested.has(number))).toEqual([]);
});
