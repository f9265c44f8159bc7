import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { keys, openPty, type Pty } from "../../support/pty.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const module = new URL("../../../src/cli/terminal/prompt.ts", import.meta.url).pathname;

/** A program that asks for a key and for a name, and tells when it switches echo off and on. */
const program = `
const { ask } = await import(${JSON.stringify(module)});
const { setRawMode } = process.stdin;
process.stdin.setRawMode = function (isRaw) {
  if (process.env.TELL) process.stderr.write(isRaw ? "<echo is off>" : "<echo is on>");
  return setRawMode.call(this, isRaw);
};
const asked = async (...question) => {
  const answer = await ask(...question, new AbortController().signal).catch((error) => error.code + ": " + error.message);
  process.stderr.write(JSON.stringify(answer) + "\\n");
};
if (process.env.END) setImmediate(() => process.kill(process.pid, process.env.END));
await asked("Key: ", true);
if (!process.env.TELL) await asked("Name: ", false);
`;

const words = [process.execPath, "-e", program];
const env = { TERM: "xterm", PATH: process.env["PATH"] ?? "" };

describe("a question for a secret", () => {
  let pty: Pty;
  beforeEach(() => {
    pty = openPty();
  });

  it("shows when echo is off, so that a paste at once is not shown (T314)", async () => {
    const { ended } = pty.start(words, { ...env, TELL: "1" });
    await pty.shows("Key: ");
    pty.type(`sk-quick${keys.enter}`);
    expect(await ended).toBe(0);
    await pty.shows('"sk-quick"');
    expect(pty.output()).toMatch(/^<echo is off>Key: <echo is on>\r\n"sk-quick"\r\n$/);
  });

  it.each([
    ["a line that is begun anew", `wrong${keys.ctrl("u")}right`, "right"],
    ["a word that is taken back", `two words${keys.ctrl("w")}`, "two "],
    ["arrows", `a${keys.left}b${keys.up}\u001bOPc`, "abc"],
    ["a paste with its marks, and line ends after it", "\u001b[200~sk-x\u001b[201~\r\n", "sk-x"],
    ["the bell and the like", "a\u0007\u0000b", "ab"],
  ])("takes %s as other programs do", async (_, typed, answer) => {
    const { ended } = pty.start(words, env);
    await pty.shows("Key: ");
    pty.type(`${typed}${keys.enter}`);
    await pty.shows("Name: ");
    pty.type(`alice${keys.enter}`);
    expect(await ended).toBe(0);
    await pty.shows('"alice"');
    expect(pty.output()).toBe(`Key: \r\n${JSON.stringify(answer)}\r\nName: alice\r\n"alice"\r\n`);
  });

  it("refuses several lines, of which neither the screen nor the next question sees one", async () => {
    const { ended } = pty.start(words, env);
    await pty.shows("Key: ");
    pty.type(`${"c2VjcmV0".repeat(8)}\n`.repeat(100));
    await pty.shows("Name: ");
    pty.type(keys.enter);
    expect(await ended).toBe(0);
    await pty.shows('""');
    expect(pty.output()).toContain(
      'usage: the answer to \\"Key:\\" has several lines; nothing of it was used',
    );
    expect(pty.output()).not.toContain("c2VjcmV0");
  });

  it.each([
    ["Ctrl-C", keys.interrupt],
    ["Ctrl-\\", "\u001c"],
    ["Ctrl-D", keys.ctrl("d")],
  ])("ends on %s", async (_, key) => {
    const { ended } = pty.start(words, { ...env, TELL: "1" });
    await pty.shows("Key: ");
    pty.type(key);
    expect(await ended).toBe(0);
    await pty.shows('"interrupted: interrupted"');
  });

  it.each(["SIGTERM", "SIGHUP", "SIGQUIT"] as const)(
    "leaves the terminal as it was on %s",
    async (signal) => {
      // A shell that, unlike those for people, sets no modes itself.
      const shell = pty.start(["sh", "-c", '"$@"; stty -a | grep -o " -*echo "', "sh", ...words], {
        ...env,
        END: signal,
      });
      expect(await shell.ended).toBe(0);
      await pty.shows(/ echo ?\n/);
    },
  );

  it("goes on without echo after Ctrl-Z where no shell could continue it", async () => {
    const { ended } = pty.start(words, { ...env, TELL: "1" });
    await pty.shows("Key: ");
    pty.type(keys.ctrl("z"));
    await pty.shows(/<echo is on>\n<echo is off>/);
    pty.type(`sk-whole${keys.enter}`);
    expect(await ended).toBe(0);
    await pty.shows('"sk-whole"');
    expect(pty.output()).not.toMatch(/[^"]sk-whole/);
  });

  it("gives the terminal back on Ctrl-Z, and asks again when it goes on", async () => {
    const file = join(temporaryFolder(), "ask.ts");
    writeFileSync(file, program);
    const shell = pty.start(["bash", "--norc", "--noprofile", "-i"], { ...env, PS1: "ready> " });
    await pty.shows("ready>");
    pty.type(`${process.execPath} ${file}${keys.enter}`);
    await pty.shows("Key: ");
    pty.type(`half${keys.ctrl("z")}`);
    await pty.shows("Stopped");
    pty.type(`clear; stty -a | grep -o ' echo '; fg${keys.enter}`);
    await pty.shows(/ echo ?\n[\s\S]*\nKey:/);
    pty.type(`sk-whole${keys.enter}`);
    await pty.shows('"sk-whole"');
    await pty.shows("Name: ");
    pty.type(`alice${keys.enter}`);
    await pty.shows('"alice"');
    pty.type(`exit${keys.enter}`);
    expect(await shell.ended).toBe(0);
    expect(pty.output()).not.toMatch(/half|[^"]sk-whole/);
  });
});

it("the end of the input is no answer to a question", async () => {
  const pty = openPty();
  const { ended } = pty.start(words, env);
  await pty.shows("Key: ");
  pty.type(keys.enter);
  await pty.shows("Name: ");
  pty.type(keys.ctrl("d"));
  expect(await ended).toBe(0);
  await pty.shows('interrupted: no answer to \\"Name:\\": the input has ended');
});
