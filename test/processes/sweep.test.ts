import { describe, expect, it, onTestFinished } from "vitest";
import { sweep } from "../../src/processes/sweep.ts";
import { isAlive, stranger } from "../support/processes/processes.ts";

const marker = { variable: "TEST_MARKER", value: "m" };

describe("sweep", () => {
  it("kills what has the marker, and nothing whose marker only begins like it", async () => {
    const value = crypto.randomUUID();
    const [ours, other, unmarked] = [
      stranger({ TEST_MARKER: value }),
      stranger({ TEST_MARKER: `${value}0` }),
      stranger(),
    ];
    await sweep({ variable: "TEST_MARKER", value }, { name: "it", timeout: 60_000 });
    expect([ours, other, unmarked].map(({ pid }) => isAlive(pid))).toEqual([false, true, true]);
  });

  it("waits for processes that have lost their marker, until they are over: they still hold memory (failure mode 24)", async () => {
    const child = Bun.spawn(["sleep", "600"]);
    onTestFinished(() => child.kill("SIGKILL"));
    let [looks, startsRead] = [0, 0];
    const dying = [{ pid: child.pid, start: "a" }];
    const table = {
      marked: () => (looks++ === 0 ? dying : []),
      inGroup: () => [],
      startOf: () => (startsRead++ < 4 ? "a" : undefined),
    };
    await sweep(marker, { name: "vLLM", timeout: 60_000, table });
    expect([looks, startsRead]).toEqual([4, 5]);
    expect(await child.exited).not.toBe(0);
  });

  it("fails when a process is still there at the end of the time, also one of the group or of before", async () => {
    const stuck = [{ pid: 2 ** 22 + 1, start: "a" }];
    const table = { marked: () => [], inGroup: () => stuck, startOf: () => "a" };
    for (const still of [{ before: stuck }, { group: 5 }])
      await expect(sweep(marker, { name: "vLLM", timeout: 30, table, ...still })).rejects.toMatchObject({
        ...{ code: "unavailable", message: "a process of vLLM cannot be ended", retryAfter: 30 },
      });
  });
});
