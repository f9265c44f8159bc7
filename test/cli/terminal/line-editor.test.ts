import { PassThrough } from "node:stream";
import { expect, it, onTestFinished } from "vitest";
import { terminalLines } from "../../../src/cli/terminal/line-editor.ts";

const ctrlC = "\u0003";
const ctrlD = "\u0004";
const up = "\u001b[A";
const left = "\u001b[D";

function keyboard(history: string[] = []) {
  const stdin = new PassThrough();
  const stderr = Object.assign(new PassThrough(), { columns: 80 });
  const editor = terminalLines(history, { stdin, stderr });
  onTestFinished(() => editor.close());
  let shown = "";
  stderr.on("data", (bytes) => {
    shown += String(bytes);
  });
  return { editor, type: (keys: string) => stdin.write(keys), shown: () => shown };
}

it("reads lines, and lets them be edited and found again", async () => {
  const { editor, type, shown } = keyboard(["first", "second"]);
  const read = editor.read("> ");
  type(`helo${left}l\r`);
  expect(await read).toEqual({ line: "hello" });
  expect(shown()).toContain("> ");
  const again = editor.read("> ");
  type(`${up}\r`);
  expect(await again).toEqual({ line: "hello" });
  const earlier = editor.read("> ");
  type(`${up}${up}!\r`);
  expect(await earlier).toEqual({ line: "second!" });
});

it("gives up what was typed at Ctrl-C, and ends at Ctrl-D", async () => {
  const { editor, type } = keyboard();
  const read = editor.read("> ");
  type(`half a line${ctrlC}`);
  expect(await read).toBe("interrupted");
  const next = editor.read("> ");
  type("whole\r");
  expect(await next).toEqual({ line: "whole" });
  const last = editor.read("> ");
  type(ctrlD);
  expect(await last).toBe("ended");
  expect(await editor.read("> ")).toBe("ended");
});

it("tells of Ctrl-C while nothing is asked, and shows nothing then; what is typed is not lost", async () => {
  const { editor, type, shown } = keyboard();
  const first = editor.read("> ");
  type("one\r");
  await first;
  const before = shown();
  const interrupted = Promise.withResolvers<void>();
  editor.onInterrupt = interrupted.resolve;
  type(`ahead\r${ctrlC}`);
  await interrupted.promise;
  expect(shown()).toBe(before);
  expect(await editor.read("> ")).toEqual({ line: "ahead" });
});
