import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { processTable } from "../../src/processes/process-table.ts";
import { stranger, tableOf } from "../support/processes/processes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const marker = { variable: "TEST_MARKER", value: "m" };

describe("a process table", () => {
  it("knows a process by its number and its start, whatever its name", () => {
    expect(tableOf("S", "").startOf(12)).toBe("b00t/777");
    expect(tableOf("S", "").startOf(13)).toBeUndefined();
  });

  it("finds the processes that have the whole marker in their environment", () => {
    for (const environ of ["A=1\0TEST_MARKER=m\0", "TEST_MARKER=m\0A=1\0"])
      expect(tableOf("S", environ).marked(marker)).toEqual([{ pid: 12, start: "b00t/777" }]);
    for (const environ of ["X=TEST_MARKER=m\0", "TEST_MARKER=mm\0", "A_TEST_MARKER=m\0", ""])
      expect(tableOf("S", environ).marked(marker)).toEqual([]);
  });

  it("finds the processes of a group, but for zombies", () => {
    expect(tableOf("S", "").inGroup(5)).toEqual([{ pid: 12, start: "b00t/777" }]);
    expect([tableOf("S", "").inGroup(12), tableOf("Z", "").inGroup(5)]).toEqual([[], []]);
  });

  it("takes a zombie for a process that is over: it holds no memory any more", () => {
    expect(tableOf("Z", "").startOf(12)).toBeUndefined();
    expect(tableOf("Z", "TEST_MARKER=m\0").marked(marker)).toEqual([]);
  });

  it("knows nothing where there is no /proc", () => {
    const nothing = processTable(join(temporaryFolder(), "proc"));
    expect([nothing.startOf(process.pid), nothing.marked(marker)]).toEqual([undefined, []]);
  });

  it("reads the processes of this machine", () => {
    const value = crypto.randomUUID();
    const process = stranger({ TEST_MARKER: value });
    expect(processTable().marked({ variable: "TEST_MARKER", value })).toEqual([process]);
    expect(processTable().inGroup(process.pid)).toEqual([process]);
  });
});
