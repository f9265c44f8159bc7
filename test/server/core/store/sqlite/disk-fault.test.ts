import { mkdirSync, readdirSync } from "node:fs";
import { expect, it } from "vitest";
import {
  diskFault,
  failedWrite,
  storeErrorOfDisk,
} from "../../../../../src/server/core/store/sqlite/disk-fault.ts";
import { storeFailure } from "../../../../../src/server/core/store/store-failure.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const coded = (code: string) => Object.assign(new Error(`${code}: write`), { code });

it.each([
  ["EDQUOT", 507, "storage_full", "the disk quota is used up"],
  ["ENOSPC", 507, "storage_full", "the disk is full"],
  ["EIO", 503, "unavailable", "the disk of the database reports errors"],
  ["EROFS", 503, "unavailable", "the disk of the database is read-only"],
])(
  "a write that fails with %s is refused with %i and the cause (failure mode 175)",
  (code, status, name, words) => {
    const ofSqlite = new Error("disk I/O error");
    const error = storeErrorOfDisk(coded(code), ofSqlite)!;
    expect(error.cause).toBe(ofSqlite);
    const told = storeFailure(error);
    expect([told.status, told.code]).toEqual([status, name]);
    expect(told.message).toContain(words);
    expect(told.message).not.toContain(code);
  },
);

it("a write that fails for another reason is no fault of the disk", () => {
  for (const error of [coded("EACCES"), coded("toString"), new Error("x"), undefined])
    expect(storeErrorOfDisk(error)).toBeUndefined();
});

it("a look at a disk that takes files leaves none behind", () => {
  const folder = temporaryFolder();
  expect(diskFault(folder)).toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
  expect(diskFault(`${folder}/missing`)).toBeUndefined();
});

it("a failed write is a fault of the disk also where it takes another file, or fails in a way of its own (failure mode 195)", () => {
  const folder = temporaryFolder();
  const cause = new Error("disk I/O error");
  const reason = "the disk of the database reports errors: nothing was written";
  expect(failedWrite(folder, cause)).toMatchObject({ refusal: "unavailable", reason, cause });
  // A name under which no file can be written: EISDIR.
  mkdirSync(`${folder}/.disk-probe`);
  expect(diskFault(folder)).toMatchObject({ refusal: "unavailable", reason });
});
