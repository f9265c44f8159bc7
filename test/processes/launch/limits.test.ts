import { describe, expect, it } from "vitest";
import { measureTrees } from "../../../src/processes/process-usage.ts";
import { eventually, isAlive } from "../../support/processes/processes.ts";
import { attempts, launched, levelsOfHost } from "../../support/sandbox/launched.ts";

const levels = await levelsOfHost();

/** Far more than a small program needs, and far less than the machine has. */
const memoryMb = 300;

describe.each(levels)("the limits of a program in the sandbox %s", (sandbox) => {
  // Failure mode 114
  it("end it when it takes too much memory, and the reason says so", async () => {
    const options = { sandbox, resources: { memoryMb } } as const;
    const { outcomes, exit, ended } = await attempts(options, ["memory", 4_000, 40]);
    expect({ outcomes, exit: exit === 0 }).toEqual({ outcomes: [], exit: false });
    expect(ended).toMatch(/^it was ended: it used \d+ MB of memory, and its limit is 300 MB$/);
  });

  // Failure mode 115
  it("end it when it starts too many processes, and leave none", async () => {
    const tag = `60.${process.pid}${levels.indexOf(sandbox)}`;
    const { outcomes, exit, ended } = await attempts({ sandbox, resources: { pids: 60 } }, [
      "fork",
      // More than can be started between two looks.
      4_000,
      tag,
    ]);
    expect({ outcomes, exit: exit === 0 }).toEqual({ outcomes: [], exit: false });
    expect(ended).toMatch(/^it was ended: it had \d+ processes and threads, and its limit is 60$/);
    const { stdout } = Bun.spawnSync(["ps", "-eo", "args"]);
    expect(stdout.toString()).not.toContain(`sleep ${tag}`);
  });

  it("leave it alone as long as it keeps to them", async () => {
    const resources = { memoryMb: 1_000, pids: 200 };
    const { outcomes, ended } = await attempts({ sandbox, resources }, ["memory", 32, 0], ["fork", 3, "60"]);
    expect({ outcomes, ended }).toEqual({ outcomes: [{ got: 2 }, { got: 3 }], ended: undefined });
  });
});

describe("a program that takes memory faster than mcpctl looks", () => {
  it("is refused more by the kernel", async () => {
    const { outcomes, ended } = await attempts({ resources: { memoryMb } }, ["memory", 4_000, 0]);
    if (ended === undefined) expect(outcomes).not.toContainEqual({ got: 250 });
    else expect(ended).toContain("its limit is 300 MB");
  });
});

describe("the usage of a program", () => {
  it("is that of all its processes", async () => {
    const command = ["sh", "-c", "sleep 60 & sleep 60 & (sleep 60; true) & echo ready; wait"];
    const { stdout, group } = await launched({ command });
    await stdout.getReader().read();
    await eventually(() => measureTrees([group.pid]).pids === 5);
    const { processes, memoryMb } = measureTrees([group.pid]);
    expect(processes).toContain(group.pid);
    expect(memoryMb).toBeLessThan(20);
    await group.stop();
    expect(processes.filter(isAlive)).toEqual([]);
    expect(measureTrees([group.pid])).toEqual({ processes: [], memoryMb: 0, pids: 0 });
  });

  it("is nothing for processes that do not exist, without /proc", () => {
    expect(measureTrees([1], "/no/such/folder")).toEqual({ processes: [], memoryMb: 0, pids: 0 });
  });
});

describe("a process that has left the program and emptied its environment", () => {
  // T148
  it("is ended with it when it was seen before it left", async () => {
    const leaver = "sleep 1.5; exec setsid env -i sleep 61.5";
    const { stdout, group, closed } = await launched({
      command: ["sh", "-c", `(${leaver}) & echo $!; wait`],
    });
    const text = Buffer.from((await stdout.getReader().read()).value!).toString();
    const pid = Number(text);
    const name = () =>
      Bun.spawnSync(["ps", "-o", "args=", "-p", String(pid)])
        .stdout.toString()
        .trim();
    await eventually(() => name() === "sleep 61.5");
    await group.stop();
    await closed;
    await eventually(() => !isAlive(pid));
  });
});
