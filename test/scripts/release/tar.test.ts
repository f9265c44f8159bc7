import { mkdtempSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { gzip, type Member, tar } from "../../../scripts/release/tar.ts";

const date = new Date("2026-11-29T12:00:00Z");
const long = `${"folder/".repeat(20)}file`;
const members: Member[] = [
  { path: "a/" },
  { path: "a/program", content: "#!/bin/sh\n", mode: 0o755 },
  { path: "a/empty", content: "" },
  { path: "a/block", content: new Uint8Array(512).fill(7) },
  { path: "a/link", link: "program" },
  { path: long, content: "deep" },
];

describe("tar", () => {
  it("makes a file that tar unpacks to the same members", () => {
    const folder = mkdtempSync(join(tmpdir(), "tar-"));
    writeFileSync(join(folder, "x.tar.gz"), gzip(tar(members, date)));
    const { exitCode, stderr } = Bun.spawnSync(["tar", "xzf", "x.tar.gz"], { cwd: folder, stderr: "pipe" });
    expect([exitCode, stderr.toString()]).toEqual([0, ""]);
    expect(statSync(join(folder, "a/program")).mode & 0o777).toBe(0o755);
    expect(statSync(join(folder, "a/program")).mtimeMs).toBe(date.getTime());
    expect(readFileSync(join(folder, "a/empty"), "utf8")).toBe("");
    expect(readFileSync(join(folder, "a/block"))).toEqual(Buffer.alloc(512, 7));
    expect(readlinkSync(join(folder, "a/link"))).toBe("program");
    expect(readFileSync(join(folder, long), "utf8")).toBe("deep");
  });

  it("gives the same bytes for the same members, and others for another date", () => {
    const bytes = () => Buffer.from(gzip(tar(members, date))).toString("hex");
    expect(bytes()).toBe(bytes());
    const later = Buffer.from(gzip(tar(members, new Date(date.getTime() + 1000)))).toString("hex");
    expect(later).not.toBe(bytes());
  });

  it("refuses a name that does not fit, and cuts none", () => {
    expect(() => tar([{ path: "x".repeat(101), content: "" }], date)).toThrow("too long");
  });
});
