import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openOutputFile } from "../../src/processes/output-file.ts";
import { describeExit, type GroupOptions } from "../../src/processes/process-group.ts";
import { processTable } from "../../src/processes/process-table.ts";
import { adoptGroup, startDetached } from "../../src/processes/start.ts";
import { eventually, isAlive, pidsIn, stranger } from "../support/processes/processes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Starts a script of sh in a group of its own, with a folder that the script can write to. */
function start(script: string, options: Partial<GroupOptions> = {}) {
  const folder = temporaryFolder();
  const output = openOutputFile(join(folder, "output"), { empty: true });
  const group = startDetached({
    argv: ["sh", "-c", script],
    cwd: folder,
    env: { PATH: process.env["PATH"]! },
    name: "it",
    timeouts: { grace: 10_000, kill: 10_000 },
    output: output.descriptor,
    ...options,
  });
  onTestFinished(async () => {
    await group.stop().catch(() => {});
    output.close();
  });
  return { group, output, pids: (count: number) => pidsIn(join(folder, "pids"), count), folder };
}

const newMarker = () => ({ variable: "TEST_MARKER", value: crypto.randomUUID() });

/** Each of these writes its number to `pids`, and then waits. */
const wait = "echo $$ >> pids; exec sleep 600";
const deafWait = `trap "" TERM; ${wait}`;

describe("a process group", () => {
  it("is ended with its children and their children", async () => {
    const { group, pids } = start(`sh -c 'sh -c "${wait}" & ${wait}' & ${wait}`);
    const all = await pids(3);
    expect(all.every(isAlive)).toBe(true);
    await group.stop();
    // Without a marker only the first one is waited for. The others have the signal, and end when they get a processor.
    await eventually(() => !all.some(isAlive));
    expect(await group.exited).toEqual({ code: null, signal: "SIGTERM" });
    expect(group.hasExited).toBe(true);
  });

  it("is killed when it does not end within the grace", async () => {
    const { group, pids } = start(deafWait, { timeouts: { grace: 100, kill: 10_000 } });
    const [pid] = await pids(1);
    await group.stop();
    expect(isAlive(pid!)).toBe(false);
    expect(await group.exited).toEqual({ code: null, signal: "SIGKILL" });
  });

  it("has the grace to end by itself, with an exit code of its own", async () => {
    const { group, output, pids } = start(
      `trap 'echo bye; exit 7' TERM; echo $$ >> pids; while :; do sleep 0.01; done`,
    );
    await pids(1);
    await group.stop();
    expect(await group.exited).toEqual({ code: 7, signal: null });
    expect(output.lastLines(1)).toEqual(["bye"]);
  });

  it("loses what its first process leaves behind, even where that is deaf to SIGTERM", async () => {
    const { group, pids } = start(`sh -c '${deafWait}' & until [ -s pids ]; do sleep 0.01; done; exit 3`);
    const [left] = await pids(1);
    expect(describeExit(await group.exited)).toBe("code 3");
    await eventually(() => !isAlive(left!));
    await group.stop();
  });

  it("loses a process that has left the group too, if it has the marker", async () => {
    const script = `setsid sh -c '${deafWait}' & ${wait}`;
    const marked = start(script, { marker: newMarker() });
    const pids = await marked.pids(2);
    await marked.group.stop();
    expect(pids.filter(isAlive)).toEqual([]);

    const crashed = start(script, { marker: newMarker() });
    const both = await crashed.pids(2);
    process.kill(crashed.group.pid, "SIGKILL");
    await eventually(() => !both.some(isAlive));
  });

  it("goes on without its first process when the rest stays, and is ended by stop", async () => {
    const script = `sh -c '${deafWait}' & sh -c '${wait}' & until [ $(wc -l < pids) = 2 ]; do sleep 0.01; done`;
    const { group, pids } = start(script, { restStays: true, timeouts: { grace: 200, kill: 10_000 } });
    const rest = await pids(2);
    expect(await group.exited).toEqual({ code: 0, signal: null });
    expect(rest.every(isAlive)).toBe(true);
    await group.stop();
    expect(rest.filter(isAlive)).toEqual([]);
  });

  it("is ended by stop with a marked process that has left it, also when the rest stays", async () => {
    const script = `setsid sh -c '${wait}' & until [ -s pids ]; do sleep 0.01; done`;
    const { group, pids } = start(script, { restStays: true, marker: newMarker() });
    const [left] = await pids(1);
    expect(await group.exited).toEqual({ code: 0, signal: null });
    expect(isAlive(left!)).toBe(true);
    await group.stop();
    expect(isAlive(left!)).toBe(false);
  });

  it("is sent nothing once it is empty: its number can be another group's", async () => {
    const { group } = start("exit 0", { restStays: true });
    await group.exited;
    const signals: unknown[] = [];
    const { kill } = process;
    process.kill = (...args) => {
      signals.push(args);
      return true;
    };
    try {
      await group.stop();
    } finally {
      process.kill = kill;
    }
    expect(signals).toEqual([]);
  });

  it("fails to stop when a process cannot be ended, and says of which program", async () => {
    const table = { ...processTable(), marked: () => [{ pid: 2 ** 22 + 1, start: "a" }], startOf: () => "a" };
    const { group } = start("exit 0", { table, marker: newMarker(), timeouts: { grace: 20, kill: 20 } });
    await group.exited;
    await expect(group.stop()).rejects.toMatchObject({
      ...{ code: "unavailable", message: "a process of it cannot be ended", retryAfter: 30 },
    });
  });

  it("has the marker in its environment, and nothing of this program's", async () => {
    const marker = newMarker();
    const { group, folder } = start("env > environment", { marker });
    await group.exited;
    const names = readFileSync(join(folder, "environment"), "utf8").split("\n").filter(Boolean);
    expect(names).toContain(`TEST_MARKER=${marker.value}`);
    // sh adds these itself.
    expect(names.map((line) => line.split("=")[0]).sort()).toEqual(["PATH", "PWD", "TEST_MARKER"]);
  });

  it("is not started for a program that does not exist or may not be run", () => {
    const options = { cwd: "/", env: {}, name: "it", timeouts: { grace: 1, kill: 1 }, output: 2 };
    const code = (path: string) => {
      try {
        startDetached({ ...options, argv: [path] });
      } catch (error) {
        return (error as { code?: string }).code;
      }
      return undefined;
    };
    expect([code("/nowhere/program"), code("/etc/passwd")]).toEqual(["ENOENT", "EACCES"]);
  });
});

describe("an adopted group", () => {
  const options = { name: "it", timeouts: { grace: 5000, kill: 5000 }, pollMs: 10 };

  it("is over, and is sent nothing, when its number belongs to a later process", async () => {
    const { pid } = stranger();
    const group = adoptGroup({ pid, start: "boot/1" }, { ...options, marker: newMarker() });
    expect(group.hasExited).toBe(true);
    expect(describeExit(await group.exited)).toBe("an unknown code");
    await group.stop();
    expect(isAlive(pid)).toBe(true);
  });

  it("is ended with all its processes", async () => {
    const { group, pids } = start(`sh -c '${wait}' & ${wait}`);
    const all = await pids(2);
    const adopted = adoptGroup({ pid: group.pid, start: group.start! }, options);
    expect(adopted.hasExited).toBe(false);
    await adopted.stop();
    expect(isAlive(group.pid)).toBe(false);
    await eventually(() => !all.some(isAlive));
  });
});
