import { expect, it } from "vitest";
import { keys, openPty } from "../../support/pty.ts";

const module = new URL("../../../src/cli/terminal/editor.ts", import.meta.url).pathname;

/** A program that opens the editor, and ends at Ctrl-C when it is closed. */
const program = `
const { openEditor } = await import(${JSON.stringify(module)});
const stay = setInterval(() => {}, 1000);
process.on("SIGINT", () => {
  process.stderr.write("program interrupted\\n");
  clearInterval(stay);
});
await openEditor("text", process.env).then(
  () => process.stderr.write("editor closed\\n"),
  (error) => process.stderr.write(error.code + "\\n"),
);
`;

function open(editor: string) {
  const pty = openPty();
  const env = { TERM: "xterm", PATH: process.env["PATH"] ?? "", EDITOR: `sh -c '${editor}'` };
  return { pty, program: pty.start([process.execPath, "-e", program], env) };
}

it("an editor that has its own use for Ctrl-C goes on, and so does the program that waits for it", async () => {
  const { pty, program } = open('trap "echo key" INT; echo open; read a; read b; read c');
  await pty.shows("open");
  pty.type(keys.interrupt);
  await pty.shows("key");
  pty.type(keys.interrupt);
  await pty.shows(/key[\s\S]*key/);
  pty.type(keys.enter.repeat(3));
  await pty.shows("editor closed");
  expect(pty.output()).not.toContain("program interrupted");
  // From now on Ctrl-C is the program's again.
  pty.type(keys.interrupt);
  expect(await program.ended).toBe(0);
  await pty.shows("program interrupted");
});

it("an editor that Ctrl-C ends is an interruption, and no fault of the editor", async () => {
  const { pty, program } = open("echo open; exec cat");
  await pty.shows("open");
  pty.type(keys.interrupt);
  await pty.shows("Cinterrupted");
  pty.type(keys.interrupt);
  expect(await program.ended).toBe(0);
});
