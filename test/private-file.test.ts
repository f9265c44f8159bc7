import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readPrivateFile, writePrivateFile } from "../src/private-file.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

describe("readPrivateFile (T85)", () => {
  it("refuses a symbolic link", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "real"), "x", { mode: 0o600 });
    symlinkSync(join(folder, "real"), join(folder, "link"));
    expect(() => readPrivateFile(join(folder, "link"), { secret: false })).toThrow("it is a symbolic link");
  });

  it("refuses a file that others can write to, and a secret that others can read", () => {
    const path = join(temporaryFolder(), "file");
    writeFileSync(path, "x", { mode: 0o600 });
    chmodSync(path, 0o620);
    expect(() => readPrivateFile(path, { secret: false })).toThrow("others can write to it");
    chmodSync(path, 0o644);
    expect(readPrivateFile(path, { secret: false })).toBe("x");
    expect(() => readPrivateFile(path, { secret: true })).toThrow("others can read it");
  });

  it("refuses a file in a folder that others can write to, and says how to close it", () => {
    const folder = join(temporaryFolder(), "open");
    mkdirSync(folder);
    writeFileSync(join(folder, "file"), "x", { mode: 0o600 });
    chmodSync(folder, 0o770);
    expect(() => readPrivateFile(join(folder, "file"), { secret: false })).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        message: `${folder}/file is refused: others can write to its folder`,
        hint: `run: chmod go-w ${folder}`,
      }),
    );
  });

  it("returns undefined when there is no file, or no folder", () => {
    const folder = temporaryFolder();
    expect(readPrivateFile(join(folder, "none"), { secret: true })).toBeUndefined();
    expect(readPrivateFile(join(folder, "none", "none"), { secret: true })).toBeUndefined();
    writeFileSync(join(folder, "file"), "");
    expect(readPrivateFile(join(folder, "file", "none"), { secret: true })).toBeUndefined();
  });
});

describe("writePrivateFile", () => {
  it("makes a file that only its owner can read, whatever was there, and leaves nothing beside it", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "file"), "old", { mode: 0o644 });
    writePrivateFile(join(folder, "file"), "new");
    expect(statSync(join(folder, "file")).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  it("makes a missing folder for its owner alone", () => {
    const folder = join(temporaryFolder(), "made");
    writePrivateFile(join(folder, "file"), "new");
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readPrivateFile(join(folder, "file"), { secret: true })).toBe("new");
  });

  it("takes the place of a symbolic link, and does not write through it", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "real"), "x", { mode: 0o600 });
    symlinkSync(join(folder, "real"), join(folder, "link"));
    writePrivateFile(join(folder, "link"), "new");
    expect(readFileSync(join(folder, "real"), "utf8")).toBe("x");
    expect(readPrivateFile(join(folder, "link"), { secret: true })).toBe("new");
  });

  it("writes nothing into a folder that others can write to", () => {
    const folder = join(temporaryFolder(), "open");
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    expect(() => writePrivateFile(join(folder, "file"), "new")).toThrow("others can write to its folder");
    expect(existsSync(join(folder, "file"))).toBe(false);
  });

  it("leaves nothing behind when it cannot put the file in place", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "file"));
    expect(() => writePrivateFile(join(folder, "file"), "new")).toThrow("EISDIR");
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});
