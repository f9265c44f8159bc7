import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkGivenPaths, isWithin, withoutLinks } from "../../../src/processes/sandbox/paths.ts";
import { errorOf } from "../../support/error-of.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

describe("a path within a folder", () => {
  it.each([
    ["/a", "/a", true],
    ["/a/b", "/a", true],
    ["/a/b", "/", true],
    ["/ab", "/a", false],
    ["/", "/a", false],
  ])("%s in %s: %s", (path, folder, expected) => {
    expect(isWithin(path, folder)).toBe(expected);
  });
});

describe("a path that a program is given", () => {
  it("may be any folder beside those that are kept", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "data"));
    checkGivenPaths([join(folder, "share"), join(folder, "data2"), "/usr/share"], [join(folder, "data")]);
  });

  // T141
  it("is refused when it is in a kept folder, contains one, or leads to one by a link", async () => {
    const folder = temporaryFolder();
    const data = join(folder, "data");
    mkdirSync(join(data, "sub"), { recursive: true });
    symlinkSync(data, join(folder, "link"));
    for (const path of [
      data,
      join(data, "sub"),
      folder,
      "/",
      join(folder, "link"),
      join(folder, "link/new/file"),
    ])
      expect(await errorOf(() => checkGivenPaths([path], [data])), path).toMatchObject({
        code: "invalid_request",
      });
    expect(await errorOf(() => checkGivenPaths([join(data, "sub")], [join(folder, "link")]))).toMatchObject({
      message: `${join(data, "sub")} cannot be given to a program: it is part of ${data}`,
    });
  });

  // T140
  it.each(["/etc", "/etc/shadow", "/etc/ssh/ssh_host_ed25519_key", "/proc", "/sys/fs", "relative", "../up"])(
    "is not %s",
    async (path) => {
      expect(await errorOf(() => checkGivenPaths([path], []))).toMatchObject({ code: "invalid_request" });
    },
  );
});

describe("a path without links", () => {
  it("resolves the existing part of a path that does not exist", () => {
    const folder = withoutLinks(temporaryFolder());
    symlinkSync(folder, join(folder, "link"));
    expect(withoutLinks(join(folder, "link/a/b"))).toBe(join(folder, "a/b"));
  });
});
