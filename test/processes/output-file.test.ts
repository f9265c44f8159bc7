import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openOutputFile } from "../../src/processes/output-file.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

describe("an output file", () => {
  it("returns whole lines, across cuts and progress bars, and its last lines without control characters", () => {
    const path = join(temporaryFolder(), "out");
    const output = openOutputFile(path, { empty: true });
    writeFileSync(path, "one\ntw", { flag: "a" });
    expect(output.newLines()).toEqual(["one"]);
    writeFileSync(path, "o\rthree\r\x1b[31mfour\x1b[0m\x07\n", { flag: "a" });
    expect(output.newLines()).toEqual(["two", "three", "\x1b[31mfour\x1b[0m\x07"]);
    expect(output.lastLines(2)).toEqual(["three", "four"]);
    output.close();
    expect(output.lastLines(2)).toEqual([]);
  });

  it("is emptied beyond 8 MiB, and what is written after that is read", () => {
    const path = join(temporaryFolder(), "out");
    const output = openOutputFile(path, { empty: true });
    writeFileSync(path, `${"x".repeat(8 * 1024 * 1024)}\n`, { flag: "a" });
    output.trim();
    writeFileSync(path, "after\n", { flag: "a" });
    expect(output.newLines()).toEqual(["after"]);
    output.close();
  });

  it("keeps what a program wrote before it was adopted", () => {
    const path = join(temporaryFolder(), "out");
    writeFileSync(path, "before\n");
    const output = openOutputFile(path, { empty: false });
    writeFileSync(path, "after\n", { flag: "a" });
    expect(output.newLines()).toEqual(["before", "after"]);
    output.close();
  });

  it("can be read by its owner alone", () => {
    const path = join(temporaryFolder(), "out");
    openOutputFile(path, { empty: true }).close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});
