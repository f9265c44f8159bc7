import { chmodSync, chownSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { prepareDataDirectory } from "../../../src/server/core/data-directory.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const mode = (path: string) => statSync(path).mode & 0o777;
const isRoot = process.geteuid?.() === 0;

function folder(permissions: number, content?: string): string {
  const path = join(temporaryFolder(), "data");
  mkdirSync(path);
  if (content !== undefined) writeFileSync(join(path, content), "");
  chmodSync(path, permissions);
  return path;
}

function refusal(path: string, user?: number): { message: string; hint?: string } | undefined {
  try {
    prepareDataDirectory(path, user);
    return undefined;
  } catch (error) {
    return error as { message: string };
  }
}

describe("the data directory (T123)", () => {
  it("is made for its owner alone, with the folders above it", () => {
    const path = join(temporaryFolder(), "a/b");
    prepareDataDirectory(path);
    expect(mode(path)).toBe(0o700);
  });

  it("is closed to others when they could only read it, or when it is empty", () => {
    for (const path of [folder(0o755, "mcpctl.db"), folder(0o777), folder(0o775)]) {
      prepareDataDirectory(path);
      expect(mode(path)).toBe(0o700);
    }
  });

  it.each([0o777, 0o775, 0o722])(
    "is refused when others could write its content, and not changed: %o",
    (permissions) => {
      const path = folder(permissions, "mcpctl.db");
      expect(refusal(path)).toMatchObject({
        name: "AppError",
        message: `the data directory ${path} is refused: other users can write to it`,
        hint: `Look at what is in it, then run: chmod 700 ${path}`,
      });
      expect(mode(path)).toBe(permissions);
    },
  );

  it.runIf(isRoot)("is refused when it belongs to a third user, also for root, and not changed", () => {
    const path = folder(0o700);
    chownSync(path, 1234, 1234);
    expect(refusal(path)).toMatchObject({
      message: `the data directory ${path} is refused: it belongs to user 1234, and the server runs as user 0`,
      hint: `Run the server as that user, or run: chown -R 0 ${path}`,
    });
    expect(refusal(path, 4321)?.hint).toContain("chown -R 4321");
    expect(statSync(path)).toMatchObject({ uid: 1234 });
  });

  it.runIf(isRoot)("of root is used by another user only if nobody else can write to it", () => {
    expect(refusal(folder(0o775), 65532)).toMatchObject({
      message: expect.stringContaining("it belongs to root, and others can write to it"),
      hint: expect.stringMatching(/--data-dir \S+\/data\/mcpctl$/),
    });
    expect(refusal(folder(0o755), 65532)).toBeUndefined();
  });

  it("that cannot be made is named with the way out", () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    expect(refusal(join(file, "data"))).toMatchObject({
      message: expect.stringContaining(`cannot use the data directory ${file}/data: `),
      hint: expect.stringContaining("--data-dir DIR"),
    });
    expect(existsSync(join(file, "data"))).toBe(false);
  });
});
