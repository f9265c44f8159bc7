import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { createLog } from "../src/log.ts";

/** Returns a log and what it has written so far. */
function openLog(format: "text" | "json") {
  const stderr = new PassThrough();
  let text = "";
  const written = () => {
    for (let part = stderr.read(); part !== null; part = stderr.read()) text += part;
    return text;
  };
  return { log: createLog(stderr as unknown as NodeJS.WriteStream, format), stderr, written };
}

describe("a log", () => {
  it("as JSON has one object for each message, whatever is in it, and levels by name", () => {
    const { log, written } = openLog("json");
    log.info("listens on 7777");
    log.success("ready");
    log.warn("first\nsecond\u009b");
    for (let i = 0; i < 8; i++) log.error("Error: the same");
    const text = written();
    expect(text).not.toContain("\u009b");
    const lines = text
      .trimEnd()
      .split("\n")
      .map((each) => JSON.parse(each));
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      ["info", "listens on 7777"],
      ["info", "ready"],
      ["warn", "first\nsecond\u009b"],
      ...Array(8).fill(["error", "Error: the same"]),
    ]);
    for (const { time, ...rest } of lines) {
      expect(new Date(time).toISOString()).toBe(time);
      expect(Object.keys(rest)).toEqual(["level", "msg"]);
    }
  });

  it("does not fail when its reader has gone", () => {
    const { log, stderr } = openLog("json");
    stderr.destroy(new Error("EPIPE"));
    expect(() => log.info("still there")).not.toThrow();
  });

  it.each(["text", "json"] as const)(
    "as %s contains nothing that moves a terminal's cursor (T42)",
    (format) => {
      const { log, written } = openLog(format);
      log.warn("one\u001b[2J\u009b31m\r\nline\u0007");
      expect(written()).toContain("line");
      expect(written()).not.toMatch(/[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f]|\u001b\[2J/);
    },
  );
});
