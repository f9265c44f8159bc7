import { PassThrough } from "node:stream";
import { expect, it, onTestFinished } from "vitest";
import { terminalLines } from "../../../src/cli/terminal/line-editor.ts";
import { openPty } from "../../support/pty.ts";

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

it("a line editor reads lines with editing and history", async () => {
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

it("a line editor drops the line at Ctrl-C and ends at Ctrl-D", async () => {
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

it("a line editor reports Ctrl-C between questions, echoes nothing then, and keeps lines that are typed early", async () => {
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

it.each(["SIGTERM", "SIGHUP"])("gives the terminal back as it was on %s", async (signal) => {
  const module = new URL("../../../src/cli/terminal/line-editor.ts", import.meta.url).pathname;
  const program = `
    const { terminalLines } = await import(${JSON.stringify(module)});
    void terminalLines([]).read("> ");
    setImmediate(() => process.kill(process.pid, "${signal}"));`;
  const pty = openPty();
  // A shell that, unlike those for people, sets no modes itself.
  const words = ["sh", "-c", '"$@"; stty -a | grep -o " -*echo "', "sh", process.execPath, "-e", program];
  const shell = pty.start(words, { TERM: "xterm", PATH: process.env["PATH"] ?? "" });
  expect(await shell.ended).toBe(0);
  await pty.shows(/ echo ?\n/);
});
