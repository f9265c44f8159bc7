import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSessionFile } from "../../../src/agent/session/session-file.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

function open(home: string, machineIdPath?: string) {
  const warned: string[] = [];
  const note = (line: string) => void warned.push(line);
  const log = { info: note, warn: note, error: note, success: note };
  return { file: openSessionFile(home, log, machineIdPath), warned };
}

describe("the session file", () => {
  it("keeps the session id from one start to the next, readable by its owner only", () => {
    const home = join(temporaryFolder(), "home");
    const first = open(home);
    expect(first.file.providerSessionId).toBeUndefined();
    first.file.keep("prov_1");
    expect(first.file.providerSessionId).toBe("prov_1");
    expect(open(home).file.providerSessionId).toBe("prov_1");
    expect(statSync(join(home, "provider-session")).mode & 0o777).toBe(0o600);
    expect(readdirSync(home)).toEqual(["provider-session"]);
    expect(first.warned).toEqual([]);
  });

  it("is not written again with the same id", () => {
    const home = temporaryFolder();
    const { file } = open(home);
    file.keep("prov_1");
    const before = statSync(join(home, "provider-session")).ino;
    file.keep("prov_1");
    expect(statSync(join(home, "provider-session")).ino).toBe(before);
  });

  it.each([
    ["truncated", '{"providerSessionId":"prov_'],
    ["empty", ""],
    ["another's JSON", '["prov_1"]'],
    ["null", "null"],
    ["a number", '{"providerSessionId":7}'],
    ["no text at all", "\u0000\u0001\u0002"],
  ])("that is %s is replaced, with a warning (failure mode 49)", (_, text) => {
    const home = temporaryFolder();
    writeFileSync(join(home, "provider-session"), text);
    const { file, warned } = open(home);
    expect(file.providerSessionId).toBeUndefined();
    expect(warned).toHaveLength(1);
    file.keep("prov_2");
    expect(open(home).file.providerSessionId).toBe("prov_2");
  });

  it("that can be neither read nor written does not keep the agent from working (failure mode 49)", () => {
    const home = temporaryFolder();
    // A folder in its place fails for root too, like a read-only disk.
    mkdirSync(join(home, "provider-session"));
    const { file, warned } = open(home);
    expect(file.providerSessionId).toBeUndefined();
    file.keep("prov_3");
    expect(file.providerSessionId).toBe("prov_3");
    expect(warned).toHaveLength(2);
    expect(readdirSync(home)).toEqual(["provider-session"]);
  });

  it("on a read-only disk does not keep the agent from working (failure mode 49)", () => {
    const { file, warned } = open("/proc/no-such-place/home");
    file.keep("prov_4");
    expect(file.providerSessionId).toBe("prov_4");
    expect(warned).toHaveLength(1);
  });
});

describe("the id of a machine", () => {
  it("is a hash of the machine's own id", () => {
    const folder = temporaryFolder();
    const path = join(folder, "machine-id");
    writeFileSync(path, "0123456789abcdef0123456789abcdef\n");
    const { machineId } = open(folder, path).file;
    expect(machineId).toMatch(/^[0-9a-f]{32}$/);
    expect(machineId).not.toBe("0123456789abcdef0123456789abcdef");
    expect(open(temporaryFolder(), path).file.machineId).toBe(machineId);
    writeFileSync(path, "fedcba9876543210fedcba9876543210\n");
    expect(open(folder, path).file.machineId).not.toBe(machineId);
  });

  it("is random and kept when the machine has none", () => {
    const home = temporaryFolder();
    const none = join(home, "no-machine-id");
    const { machineId } = open(home, none).file;
    expect(open(home, none).file.machineId).toBe(machineId);
    expect(open(temporaryFolder(), none).file.machineId).not.toBe(machineId);
    const { file } = open(home, none);
    file.keep("prov_1");
    expect(open(home, none).file).toMatchObject({ providerSessionId: "prov_1", machineId });
    expect(readFileSync(join(home, "provider-session"), "utf8")).not.toContain(machineId);
  });
});
