import { readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import { createLog } from "../../../src/log.ts";
import { describeError } from "../../../src/server/core/describe-error.ts";
import { StoreError } from "../../../src/server/core/store/types.ts";
import { openLogFile } from "../../../src/server/observability/log-file.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

it("a log goes to a file that only its owner can read, and into a new one after it was moved", () => {
  const path = join(temporaryFolder(), "server.log");
  const file = openLogFile(path);
  const log = createLog(file.stream, "text", { hasTimes: true });
  log.info("one");
  renameSync(path, `${path}.1`);
  log.info("two");
  file.reopen();
  log.warn("three");
  expect(readFileSync(`${path}.1`, "utf8")).toMatch(/ \d{4}-\d\d-\S+Z one\n[\s\S]*Z two\n$/);
  expect(readFileSync(path, "utf8")).toMatch(/Z three\s*$/);
  expect(readFileSync(path, "utf8")).not.toMatch(/one|two/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(() => openLogFile(join(path, "x"))).toThrow(AppError);
});

it("a log leaves out what is below its level", () => {
  const path = join(temporaryFolder(), "server.log");
  const { stream } = openLogFile(path);
  for (const format of ["text", "json"] as const) {
    const log = createLog(stream, format, { level: "warn" });
    log.info("a note");
    log.success("a success");
    log.warn(`a warning of ${format}`);
  }
  const text = readFileSync(path, "utf8");
  expect(text).not.toMatch(/a note|a success/);
  expect(text).toMatch(/a warning of text[\s\S]*a warning of json/);
});

it("an ordinary failure is one line of the log with its reason, and a defect has its stack", () => {
  const cause = Object.assign(new Error("connect failed"), { code: "ECONNREFUSED" });
  const failed = describeError(new StoreError("unavailable", { cause }));
  expect(failed).toBe(
    "the database failed: unavailable: connect failed (ECONNREFUSED: the connection was refused)",
  );
  expect(describeError(new AppError("unavailable", "the database does not answer"))).toBe(
    "the database does not answer",
  );
  expect(describeError(new TypeError("x is undefined"))).toMatch(/x is undefined[\s\S]*\n\s+at /);
  expect(describeError(new AppError("internal", "a defect"))).toMatch(/a defect[\s\S]*\n\s+at /);
});
