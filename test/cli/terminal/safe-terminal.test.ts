import { describe, expect, it } from "vitest";
import { paint } from "../../../src/cli/terminal/paint.ts";
import { safeTerminal } from "../../../src/cli/terminal/safe-terminal.ts";
import { fakeTerminal } from "../../support/cli/fake-terminal.ts";

const hostile = "a\u001b[2J\u009b31m\u0007\u202e\u200bb";
const harmless = "a\\e[2J\\u009b31m\\u0007\\u202e\\u200bb";

describe("a safe terminal (T42)", () => {
  it("escapes everything that is written, asked or shown as progress", async () => {
    const device = fakeTerminal({ answers: ["yes", "line"] });
    const terminal = safeTerminal(device);
    terminal.out(`${hostile}\n`);
    terminal.data(`${hostile}\n`);
    expect(device.stdout).toBe(`${harmless}\n${harmless}\n`);
    terminal.err(`${hostile}\n`);
    terminal.rewrite(`${hostile}\n`);
    expect(device.stderr).toBe(`${harmless}\n\r${harmless}\\n`);
    await terminal.prompt(hostile);
    await (await terminal.lines([])).read(hostile);
    expect(device.prompts).toEqual([harmless, harmless]);
  });

  it("writes data as they are into a pipe", () => {
    const device = fakeTerminal();
    safeTerminal(device).data(hostile);
    expect(device.stdout).toBe(hostile);
  });

  it("writes the styles of paint, and no sequence that a text has of its own", () => {
    const device = fakeTerminal({ answers: [] });
    safeTerminal(device).out(`${paint(true, "red", "error:")} \u001b[31mfake ${paint(false, "red", "x")}\n`);
    expect(device.stdout).toBe("\u001b[31merror:\u001b[39m \\e[31mfake x\n");
  });

  it("follows the device: a reader that has gone, and Ctrl-C between two questions", async () => {
    const keys: { interrupt?: () => void } = {};
    const device = fakeTerminal({ answers: [], keys });
    const terminal = safeTerminal(device);
    expect(terminal.closed).toBe(false);
    device.closed = true;
    expect(terminal.closed).toBe(true);
    let interrupted = false;
    (await terminal.lines([])).onInterrupt = () => {
      interrupted = true;
    };
    keys.interrupt?.();
    expect(interrupted).toBe(true);
  });
});
