import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { InstanceLog } from "../../../../../src/server/mcp/instances/logs/instance-log.ts";
import { readLog } from "../../../../../src/server/mcp/instances/logs/read-log.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

function log(maxBytes?: number) {
  const path = join(temporaryFolder(), "logs/1.log");
  let clock = Date.parse("2026-11-21T10:00:00Z");
  const it = new InstanceLog({ path, now: () => ++clock, ...(maxBytes && { maxBytes }) });
  it.begin();
  const say = (text: string) => it.stderr(Buffer.from(text));
  const texts = async (options: object = {}) => {
    it.flush();
    return (await readLog(path, { tail: 1000, ...options })).map(({ text }) => text);
  };
  return { it, path, say, texts };
}

describe("InstanceLog", () => {
  it("keeps whole lines of stderr, however they are cut, and only for its own user", async () => {
    const { it: one, path, say, texts } = log();
    say("fir");
    say("st\nsecond\r\nprogress 1\rprogress 2\r\n\n  \nlast");
    expect(await texts()).toEqual(["first", "second", "progress 1", "progress 2"]);
    one.endStderr();
    one.line("process 7 has ended");
    expect(await texts()).toEqual([
      "first",
      "second",
      "progress 1",
      "progress 2",
      "last",
      "process 7 has ended",
    ]);
    expect(one.lastLines).toEqual(["first", "second", "progress 1", "progress 2", "last"]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    one.close();
  });

  it("leaves out the values of secrets, also single lines of them, and what looks like a key (T150)", async () => {
    const { it: one, say, texts } = log();
    one.hide(["hunter2-is-my-password", "-----BEGIN\nMIIEvQIBADANBg\n-----END", "ab"]);
    say("with hunter2-is-my-password and MIIEvQIBADANBg\nab stays, sk-1234567890abcdef not\n");
    const basic = Buffer.from("me:hunter2-is-my-password").toString("base64");
    say(`Authorization: Basic ${basic} or ${encodeURIComponent("hunter2-is-my-password")}\n`);
    const found = await texts();
    expect(found).toEqual(["with [redacted] and [redacted]", "ab stays, [redacted] not", expect.any(String)]);
    expect(found[2]).toMatch(/^Authorization: Basic bWU6.{0,2}\[redacted\].{0,3} or \[redacted\]$/);
    one.close();
  });

  it("has two files of a bounded size, and reads over both", async () => {
    const { it: one, path, say, texts } = log(10_000);
    for (let i = 0; i < 390; i++) {
      say(`line ${i} ${"x".repeat(60)}\n`);
      if (i % 20 === 0) one.flush();
    }
    const found = await texts();
    expect((statSync(path, { throwIfNoEntry: false })?.size ?? 0) + statSync(`${path}.1`).size).toBeLessThan(
      2 * 13_000,
    );
    expect(existsSync(`${path}.2`)).toBe(false);
    expect(found.length).toBeGreaterThan(100);
    expect(found.at(-1)).toMatch(/^line 389 /);
    expect(found[0]).toMatch(new RegExp(`^line ${390 - found.length} `));
    expect(await texts({ tail: 3 })).toEqual(found.slice(-3));
    one.close();
  });

  it("leaves out lines of a flood, and says how many (failure mode 123)", async () => {
    const { it: one, path, say, texts } = log();
    for (let i = 0; i < 300; i++) say(`${"y".repeat(8000)}\n`);
    say(`${"z".repeat(50_000)}\n`);
    const found = await texts();
    one.flush();
    expect(statSync(path).size).toBeLessThan(1_200_000);
    expect((await texts()).at(-1)).toMatch(/^1\d\d lines came too fast and were left out$/);
    expect(Math.max(...found.map((text) => text.length))).toBeLessThanOrEqual(8192);
    one.close();
  });

  it("leaves out short lines of a flood, too, and keeps the last ones in memory (failure mode 123)", async () => {
    const { it: one, say, texts } = log();
    one.hide(["hunter2-is-my-password"]);
    say("y\n".repeat(50_000));
    say("with hunter2-is-my-password\nthe end\n");
    expect(await texts({ tail: 100_000 })).toEqual(Array(5000).fill("y"));
    one.flush();
    expect((await texts()).at(-1)).toBe("45002 lines came too fast and were left out");
    expect(one.lastLines.slice(-2)).toEqual(["with [redacted]", "the end"]);
    one.close();
  });

  it("shows the run before the present one, and lines from a time on", async () => {
    const { it: one, path, say, texts } = log();
    say("old\n");
    one.begin();
    say("middle 1\nmiddle 2\n");
    one.begin();
    say("new\n");
    expect(await texts({ previous: true })).toEqual(["middle 1", "middle 2"]);
    expect(await texts({ previous: true, tail: 1 })).toEqual(["middle 2"]);
    const [{ at = "" } = {}] = (await readLog(path, { tail: 1 })) as { at?: string }[];
    expect(await texts({ since: at })).toEqual(["new"]);
    expect(await texts({ tail: 0 })).toEqual([]);
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(5);
    one.close();
  });
});
