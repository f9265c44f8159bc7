import { describe, expect, it } from "vitest";
import { type Later, later, progressOn, waitingOn } from "../../../src/cli/terminal/progress.ts";
import { fakeTerminal, flags } from "../../support/cli/fake-terminal.ts";

/** A clock that the test moves. */
function clock() {
  const waits: { milliseconds: number; act: () => void; off: boolean }[] = [];
  const after: Later = (milliseconds, act) => {
    const wait = { milliseconds, act, off: false };
    waits.push(wait);
    return () => {
      wait.off = true;
    };
  };
  const pass = () => {
    for (const wait of waits.splice(0)) if (!wait.off) wait.act();
  };
  return { after, pass, waits };
}

/** The text that a terminal shows for a line that was overwritten with \r. */
function seen(text: string): string {
  let line = "";
  for (const part of text.split("\r")) line = part + line.slice(part.length);
  return line.trimEnd();
}

describe("the progress line", () => {
  it("shows nothing for a task that takes less than a second", () => {
    const at = fakeTerminal({ answers: [] });
    const { after, pass, waits } = clock();
    const progress = progressOn({ terminal: at, flags }, after);
    expect(waits.map(({ milliseconds }) => milliseconds)).toEqual([1000]);
    progress.show("migrating 1 of 2");
    progress.end();
    pass();
    progress.show("too late");
    expect(at.stderr).toBe("");
  });

  it("is one line that is rewritten in its place and erased at the end", () => {
    const at = fakeTerminal({ answers: [] });
    const { after, pass } = clock();
    const progress = progressOn({ terminal: at, flags }, after);
    progress.show("migrating 10 of 12");
    expect(at.stderr).toBe("");
    pass();
    expect(seen(at.stderr)).toBe("migrating 10 of 12");
    progress.show("short");
    expect(seen(at.stderr)).toBe("short");
    progress.show("migrating 11 of 12");
    expect(seen(at.stderr)).toBe("migrating 11 of 12");
    progress.end();
    expect(seen(at.stderr)).toBe("");
    expect(at.stderr).not.toMatch(/[\n\u001b]/);
    expect(at.stdout).toBe("");
  });

  it("is erased for other output and comes back with the next text", () => {
    const at = fakeTerminal({ answers: [] });
    const { after, pass } = clock();
    const progress = progressOn({ terminal: at, flags }, after);
    pass();
    expect(at.stderr).toBe("");
    progress.show("one");
    progress.erase();
    expect(seen(at.stderr)).toBe("");
    const before = at.stderr;
    progress.erase();
    expect(at.stderr).toBe(before);
    progress.show("two");
    expect(seen(at.stderr)).toBe("two");
  });

  it("never wraps on a narrow terminal, nor when ^C is written behind it", () => {
    const at = fakeTerminal({ answers: [] });
    at.errColumns = 10;
    const { after, pass } = clock();
    progressOn({ terminal: at, flags }, after).show("migrating 10 of 12");
    pass();
    expect(seen(at.stderr)).toBe("migrati");
  });

  it("has the width of the terminal that it is on, also if stdout is a file", () => {
    const at = fakeTerminal({ answers: [] });
    Object.assign(at, { outIsTerminal: false, columns: undefined, errColumns: 12 });
    const { after, pass } = clock();
    progressOn({ terminal: at, flags }, after).show("migrating 10 of 12");
    pass();
    expect(seen(at.stderr)).toBe("migrating");
  });

  it.each([
    ["off a terminal", fakeTerminal(), flags],
    ["with -v", fakeTerminal({ answers: [] }), { ...flags, verbose: true }],
  ])("is not shown %s, and starts no timer", (_, at, flags) => {
    const { after, waits } = clock();
    const progress = progressOn({ terminal: at, flags }, after);
    progress.show("migrating");
    progress.end();
    expect(waits).toEqual([]);
    expect(at.stderr).toBe("");
  });

  it("writes the same text once", () => {
    const at = fakeTerminal({ answers: [] });
    const { after, pass } = clock();
    const progress = progressOn({ terminal: at, flags }, after);
    pass();
    progress.show("same");
    progress.show("same");
    expect(at.stderr).toBe("\rsame");
  });

  it("waits by the real clock and can be cancelled", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    later(0, () => resolve("wrong"))();
    later(1, () => resolve("right"));
    expect(await promise).toBe("right");
  });
});

describe("the line of something that is waited for", () => {
  it("counts the seconds, gives way to other output, and is gone at the end", () => {
    const at = fakeTerminal({ answers: [] });
    const { after, pass } = clock();
    const waiting = waitingOn({ terminal: at, flags }, "waiting for claude", after);
    expect(at.stderr).toBe("");
    pass();
    expect(seen(at.stderr)).toBe("waiting for claude, 1 s");
    waiting.erase();
    expect(seen(at.stderr)).toBe("");
    pass();
    expect(seen(at.stderr)).toBe("waiting for claude, 2 s");
    waiting.end();
    pass();
    expect(seen(at.stderr)).toBe("");
  });

  it.each([
    ["off a terminal", { errIsTerminal: false }, {}],
    ["with -v", {}, { verbose: true }],
    ["with -o json", {}, { output: "json" }],
    ["with -o yaml", {}, { output: "yaml" }],
  ])("does not appear %s, and sets no timers", (_, terminal, more) => {
    const at = Object.assign(fakeTerminal({ answers: [] }), terminal);
    const { after, waits } = clock();
    waitingOn({ terminal: at, flags: { ...flags, ...more } }, "waiting", after).end();
    expect([at.stderr, waits]).toEqual(["", []]);
  });
});
