import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { OutputTail } from "../../src/processes/output-tail.ts";
import { type PipeOptions, startPiped } from "../../src/processes/piped-process.ts";
import { wholeOutput } from "../../src/processes/whole-output.ts";
import { eventually, isAlive, pidsIn } from "../support/processes/processes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const mebibyte = 1024 * 1024;

/** Starts a script of sh with pipes, in a folder that the script can write to. */
function start(script: string, options: Partial<PipeOptions> = {}) {
  const folder = temporaryFolder();
  const child = startPiped({
    argv: ["sh", "-c", script],
    cwd: folder,
    env: { PATH: process.env["PATH"]! },
    name: "it",
    timeouts: { grace: 5000, kill: 10_000 },
    onStderr() {},
    ...options,
  });
  onTestFinished(() => child.group.stop().catch(() => {}));
  return { ...child, folder };
}

/** Returns the number of bytes that a process has written so far. */
function writtenBy(pid: number): number {
  return Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, "utf8"))![1]);
}

/** Returns the number of times that a process has read something so far. */
function readsOf(pid: number): number {
  return Number(/syscr: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, "utf8"))![1]);
}

/** Waits until a number stays the same for a while. */
async function settled(read: () => number): Promise<void> {
  for (let before = -1, now = read(); now !== before; now = read()) {
    before = now;
    await Bun.sleep(300);
  }
}

describe("stdin of a piped process", () => {
  it("takes text and bytes, and ends where it is ended", async () => {
    const { write, endInput, stdout, closed } = start("cat");
    await write("one ");
    await write(Buffer.from("two"));
    endInput();
    expect(await wholeOutput(stdout)).toBe("one two");
    expect(await closed).toEqual({ code: 0, signal: null });
  });

  it("carries what is larger than a pipe", async () => {
    const { write, endInput, stdout } = start("wc -c");
    await write("x".repeat(5 * mebibyte));
    endInput();
    expect((await wholeOutput(stdout)).trim()).toBe(String(5 * mebibyte));
  });

  it("holds the writer back while the program does not read", async () => {
    const { write, folder } = start("until [ -e go ]; do sleep 0.01; done; cat > /dev/null");
    let isWritten = false;
    const writing = write(new Uint8Array(mebibyte)).then(() => {
      isWritten = true;
    });
    await Bun.sleep(200);
    expect(isWritten).toBe(false);
    writeFileSync(join(folder, "go"), "");
    await writing;
  });

  it("hands all that is written in one turn of the event loop to the program at once, in order", async () => {
    const { write, endInput, stdout, group } = start("exec cat");
    const reader = stdout.getReader();
    await write("ready\n");
    await reader.read();
    const before = readsOf(group.pid);
    const text = Array.from({ length: 3000 }, (_, i) => `line ${i} with some more text\n`);
    const all = Promise.all(text.map((line) => write(line)));
    let echo = "";
    while (echo.length < text.join("").length) echo += Buffer.from((await reader.read()).value!).toString();
    expect(readsOf(group.pid) - before).toBeLessThan(10);
    expect(echo).toBe(text.join(""));
    await all;
    endInput();
  });

  it("fails when the program has ended without reading it", async () => {
    const { write, group, folder } = start("until [ -e go ]; do sleep 0.01; done");
    const writing = write(new Uint8Array(mebibyte));
    const failing = expect(writing).rejects.toMatchObject({ code: "EPIPE" });
    writeFileSync(join(folder, "go"), "");
    await failing;
    await group.exited;
    await expect(write("more")).rejects.toMatchObject({ code: "EPIPE" });
  });
});

describe("stdout of a piped process", () => {
  it("holds a program that writes without end back while it is not read, before the first read and after", async () => {
    const { stdout, group } = start("exec cat /dev/zero");
    const written = () => writtenBy(group.pid);
    await eventually(() => written() > 0);
    await settled(written);
    const reader = stdout.getReader();
    expect((await reader.read()).value!.length).toBeGreaterThan(0);
    await settled(written);
    const before = written();
    while (written() === before) await reader.read();
    await settled(written);
    expect(group.hasExited).toBe(false);
  });

  it("carries everything that the program has written", async () => {
    const { stdout } = start("exec dd if=/dev/zero bs=65536 count=400 2> /dev/null");
    expect((await wholeOutput(stdout)).length).toBe(400 * 65_536);
  });

  it("ends although a process that the program leaves behind holds it open", async () => {
    const { stdout, folder } = start(
      `sh -c 'trap "" TERM; echo $$ >> pids; exec sleep 600' & until [ -s pids ]; do sleep 0.01; done; echo done`,
    );
    expect(await wholeOutput(stdout)).toBe("done\n");
    const [left] = await pidsIn(join(folder, "pids"), 1);
    await eventually(() => !isAlive(left!));
  });
});

describe("stderr of a piped process", () => {
  it("is always read, so that it never stops the program, and its last part can be kept", async () => {
    const tail = new OutputTail(10);
    let total = 0;
    const { closed } = start("head -c 3000000 /dev/zero | tr '\\0' x >&2; printf 'the end' >&2", {
      onStderr(bytes) {
        total += bytes.length;
        tail.push(bytes);
      },
    });
    expect(await closed).toEqual({ code: 0, signal: null });
    expect(total).toBe(3_000_007);
    expect(tail.text()).toBe("xxxthe end");
  });

  it("does not keep a program from being closed when a process that has left its group holds it open", async () => {
    const { closed, folder } = start(
      "setsid sh -c 'echo $$ >> pids; exec sleep 600' & until [ -s pids ]; do sleep 0.01; done",
    );
    expect(await closed).toEqual({ code: 0, signal: null });
    const [left] = await pidsIn(join(folder, "pids"), 1);
    expect(isAlive(left!)).toBe(true);
  });
});

describe("the end of a piped process", () => {
  it("is told once stderr is read and the group is gone", async () => {
    const seen: string[] = [];
    const { closed, group } = start(
      "trap 'echo bye >&2; exit 4' TERM; echo up >&2; while :; do sleep 0.01; done",
      {
        onStderr: (bytes) => seen.push(Buffer.from(bytes).toString()),
      },
    );
    await eventually(() => seen.join("") === "up\n");
    await group.stop();
    expect(await closed).toEqual({ code: 4, signal: null });
    // Between the two sh says that its sleep was terminated.
    expect(seen.join("")).toMatch(/^up\n(.*\n)?bye\n$/s);
  });
});
