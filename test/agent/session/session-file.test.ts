import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { machineFacts } from "../../../src/agent/session/machine.ts";
import { openSessionFile } from "../../../src/agent/session/session-file.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const facts = { hostname: "desk", cards: ["aa:00:00:00:00:01"] };

function open(home: string, machineIdPath = "/etc/machine-id", machine = facts) {
  const warned: string[] = [];
  const note = (line: string) => void warned.push(line);
  const log = { info: note, warn: note, error: note, success: note };
  return { file: openSessionFile(home, log, { machineIdPath, facts: machine }), warned };
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

  it.each([
    ["its name", { hostname: "desk-2", cards: facts.cards }],
    ["a card", { hostname: "desk", cards: ["aa:00:00:00:00:01", "bb:00:00:00:00:02"] }],
    ["all cards, which the system no longer shows", { hostname: "desk", cards: [] }],
  ])("stays, and the session with it, when the machine changes %s", (_, changed) => {
    const home = temporaryFolder();
    const path = machineIdIn(home);
    const first = open(home, path);
    first.file.keep("prov_1");
    const next = open(home, path, changed);
    expect(next.file).toMatchObject({ providerSessionId: "prov_1", machineId: first.file.machineId });
    expect(next.warned).toEqual([]);
    // From now on the new facts count.
    expect(open(home, path, changed).file.providerSessionId).toBe("prov_1");
  });

  it.each([
    ["another card", { hostname: "desk", cards: ["cc:00:00:00:00:03"] }],
    ["another name, where no card is shown", { hostname: "clone", cards: [] }],
  ])(
    "is another one on a clone, which has %s, and the clone gets a session of its own (failure mode 93)",
    (_, clone) => {
      const home = temporaryFolder();
      const path = machineIdIn(home);
      const original = open(home, path);
      original.file.keep("prov_1");
      const { file, warned } = open(home, path, clone);
      expect(file.providerSessionId).toBeUndefined();
      expect(file.machineId).not.toBe(original.file.machineId);
      expect(warned).toEqual([
        expect.stringContaining("was written on another machine, or before this one was cloned"),
      ]);
      file.keep("prov_2");
      const again = open(home, path, clone);
      expect(again.file).toMatchObject({ providerSessionId: "prov_2", machineId: file.machineId });
      expect(again.warned).toEqual([]);
    },
  );

  it("stays with a file of an older version, which does not name its machine", () => {
    const home = temporaryFolder();
    const path = machineIdIn(home);
    writeFileSync(join(home, "provider-session"), '{"providerSessionId":"prov_1"}');
    expect(open(home, path)).toMatchObject({ file: { providerSessionId: "prov_1" }, warned: [] });
    expect(
      open(home, path, { hostname: "x", cards: ["cc:00:00:00:00:03"] }).file.providerSessionId,
    ).toBeUndefined();
  });
});

describe("the facts of a machine", () => {
  it("have the cards whose addresses are their own, and no interfaces that software has made", () => {
    const net = temporaryFolder();
    const card = (name: string, address: string, type: string, isDevice = true) => {
      mkdirSync(join(net, name, ...(isDevice ? ["device"] : [])), { recursive: true });
      writeFileSync(join(net, name, "address"), `${address}\n`);
      writeFileSync(join(net, name, "addr_assign_type"), `${type}\n`);
    };
    card("eth0", "aa:00:00:00:00:01", "0");
    card("wlan0", "bb:00:00:00:00:02", "3");
    card("docker0", "02:42:00:00:00:03", "0", false);
    card("empty", "00:00:00:00:00:00", "0");
    expect(machineFacts(net).cards).toEqual(["aa:00:00:00:00:01"]);
    expect(machineFacts(join(net, "none")).cards).toEqual([]);
  });
});

function machineIdIn(folder: string): string {
  const path = join(folder, "machine-id");
  writeFileSync(path, "0123456789abcdef0123456789abcdef\n");
  return path;
}
