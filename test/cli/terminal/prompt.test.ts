import { expect, it } from "vitest";
import { keys, openPty } from "../../support/pty.ts";

const module = new URL("../../../src/cli/terminal/prompt.ts", import.meta.url).pathname;

/** A program that asks for a key, and tells when it switches echo off and on. */
const program = `
const { ask } = await import(${JSON.stringify(module)});
const { setRawMode } = process.stdin;
process.stdin.setRawMode = function (isRaw) {
  process.stderr.write(isRaw ? "<echo is off>" : "<echo is on>");
  return setRawMode.call(this, isRaw);
};
const answer = await ask("Key: ", true, new AbortController().signal);
process.stderr.write("length " + answer.length);
`;

it("echo is off before the question shows, so that a paste at once is not shown", async () => {
  const pty = openPty();
  const { ended } = pty.start([process.execPath, "-e", program], { TERM: "xterm" });
  await pty.shows("Key: ");
  pty.type(`sk-quick${keys.enter}`);
  expect(await ended).toBe(0);
  await pty.shows("length 8");
  expect(pty.output()).toMatch(/^<echo is off>Key: <echo is on>\r\nlength 8$/);
});
