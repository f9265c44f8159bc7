import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hasOtherOwner, recorded, recordFile, survivor } from "../../src/processes/process-record.ts";
import { processTable } from "../../src/processes/process-table.ts";
import { stranger } from "../support/processes/processes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const table = processTable();
const marker = crypto.randomUUID();
const owner = { pid: 2 ** 22 + 1, start: "boot/1" };

describe("the file of a record", () => {
  it("holds the record and the caller's details, and nothing else is left in its folder", () => {
    const folder = join(temporaryFolder(), "records");
    const file = recordFile<{ port: number }>(join(folder, "a.json"), ({ port }) => typeof port === "number");
    expect(file.read()).toBeUndefined();
    file.write({ marker, owner, port: 1 });
    file.write({ marker, owner, leader: { pid: 7 }, port: 2 });
    expect(file.read()).toEqual({ marker, owner, leader: { pid: 7 }, port: 2 });
    expect(readdirSync(folder)).toEqual(["a.json"]);
    file.remove();
    file.remove();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ["empty", ""],
    ["cut off", `{"marker":"${marker}"`],
    ["null", "null"],
    ["a list", "[]"],
    ["without an owner", JSON.stringify({ marker, port: 1 })],
    ["with the number of a whole group", JSON.stringify({ marker, owner: { pid: -1 }, port: 1 })],
    ["with the system's own process", JSON.stringify({ marker, owner: { pid: 1 }, port: 1 })],
    ["with a leader that is none", JSON.stringify({ marker, owner, leader: { pid: "7" }, port: 1 })],
    ["with a marker that proves nothing", JSON.stringify({ marker: "x", owner, port: 1 })],
    ["without the caller's details", JSON.stringify({ marker, owner })],
  ])("is no record when it is %s", (_, text) => {
    const path = join(temporaryFolder(), "a.json");
    writeFileSync(path, text);
    expect(recordFile(path, ({ port }) => typeof port === "number").read()).toBeUndefined();
  });
});

describe("the owner of a record", () => {
  it("is another program while that runs, with the same start", () => {
    const other = stranger();
    expect(hasOtherOwner({ marker, owner: other }, table)).toBe(true);
    expect(hasOtherOwner({ marker, owner: { ...other, start: "boot/1" } }, table)).toBe(false);
    expect(hasOtherOwner({ marker, owner: { pid: other.pid } }, table)).toBe(false);
    expect(hasOtherOwner({ marker, owner: recorded(process.pid, table) }, table)).toBe(false);
  });
});

describe("the survivor of a record", () => {
  it("is proven by number, start and marker, all three", () => {
    const leader = stranger({ TEST_MARKER: marker });
    const found = (value: object) => survivor({ marker, owner, ...value }, "TEST_MARKER", table);
    expect(found({ leader })).toEqual(leader);
    expect(found({ leader: { ...leader, start: "boot/1" } })).toBeUndefined();
    expect(found({ leader: { pid: leader.pid } })).toBeUndefined();
    expect(found({ leader: stranger() })).toBeUndefined();
    expect(found({ leader, marker: crypto.randomUUID() })).toBeUndefined();
    expect(found({})).toBeUndefined();
  });
});
