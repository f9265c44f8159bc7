import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  programFile,
  removeOldDrafts,
  replaceProgram,
  swapWithPrevious,
} from "../../../../src/cli/cmd/upgrade/program-file.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

class Killed extends Error {}

/** A step function that ends the work before the step of a number, as a kill would. */
function killedBefore(number: number): { step: () => void; reached: () => number } {
  let count = 0;
  return {
    step() {
      if (count++ === number) throw new Killed();
    },
    reached: () => count,
  };
}

function folderWith(files: Record<string, string>) {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o755 });
  return {
    folder,
    program: programFile(join(folder, "mcpctl")),
    read: (name: string) => readFileSync(join(folder, name), "utf8"),
  };
}

/** The number of steps at which the work can be ended. */
function everyStep(act: (kill: ReturnType<typeof killedBefore>, number: number) => void): number {
  for (let number = 0; ; number++) {
    const kill = killedBefore(number);
    try {
      act(kill, number);
      return number;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
}

// Failure mode 218
describe("an upgrade that is ended at any step", () => {
  it("leaves a whole program, the old or the new one, and the next upgrade works", () => {
    const steps = everyStep((kill) => {
      const { folder, program, read } = folderWith({ mcpctl: "old", "mcpctl.previous": "older", new: "new" });
      try {
        replaceProgram(program, join(folder, "new"), kill.step);
      } finally {
        expect(["old", "new"]).toContain(read("mcpctl"));
        expect(["older", "old"]).toContain(read("mcpctl.previous"));
        writeFileSync(join(folder, "newer"), "newer");
        replaceProgram(program, join(folder, "newer"));
        expect(read("mcpctl")).toBe("newer");
        expect(["old", "new"]).toContain(read("mcpctl.previous"));
        removeOldDrafts(program.path, Date.now() + 7_200_000);
        expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
      }
    });
    expect(steps).toBeGreaterThanOrEqual(4);
  });

  it("leaves a whole program also when it goes back, and going back again works", () => {
    const steps = everyStep((kill) => {
      const { folder, program, read } = folderWith({ mcpctl: "new", "mcpctl.previous": "old" });
      try {
        swapWithPrevious(program, kill.step);
        expect([read("mcpctl"), read("mcpctl.previous")]).toEqual(["old", "new"]);
      } finally {
        expect(["old", "new"]).toContain(read("mcpctl"));
        const before = read("mcpctl.previous");
        swapWithPrevious(program);
        expect(read("mcpctl")).toBe(before);
        removeOldDrafts(program.path, Date.now() + 7_200_000);
        expect(readdirSync(folder).sort()).toEqual(["mcpctl", "mcpctl.previous"]);
      }
    });
    expect(steps).toBeGreaterThanOrEqual(4);
  });

  it("keeps the ending of a program that Windows needs", () => {
    expect(programFile("C:/x/mcpctl.exe").previous).toBe("C:/x/mcpctl.previous.exe");
    expect(existsSync("C:/x/mcpctl.exe")).toBe(false);
  });
});
