import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { unitText } from "../../src/agent/install/unit.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = join(import.meta.dirname, "../../packaging/systemd");
const read = (name: string) => readFileSync(join(folder, name), "utf8");

/** A unit's settings by section, in their order; comments are left out. */
function settings(text: string): Record<string, [string, string][]> {
  const sections: Record<string, [string, string][]> = {};
  let section: [string, string][] | undefined;
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const head = /^\[(\w+)\]$/.exec(line);
    if (head) {
      section = [];
      sections[head[1]!] = section;
      continue;
    }
    const [, name, value] = /^([A-Z]\w*)=(.*)$/.exec(line) ?? [];
    if (name === undefined || !section) throw new Error(`not a setting: ${line}`);
    section.push([name, value!]);
  }
  return sections;
}

const analyze = Bun.which("systemd-analyze");

/** Runs systemd-analyze over a unit whose program is there. */
function analyzed(name: string, args: readonly string[]): { code: number; said: string } {
  const place = temporaryFolder();
  const program = join(place, "mcpctl");
  writeFileSync(program, "#!/bin/sh\n");
  chmodSync(program, 0o755);
  writeFileSync(join(place, name), read(name).replaceAll("/usr/bin/mcpctl", program));
  const run = Bun.spawnSync([analyze!, ...args, join(place, name)], {
    env: { PATH: process.env["PATH"]!, XDG_RUNTIME_DIR: place, HOME: place, SYSTEMD_COLORS: "0" },
  });
  return { code: run.exitCode, said: `${run.stdout}${run.stderr}` };
}

describe("mcpctl.service", () => {
  const { Unit, Service, Install } = settings(read("mcpctl.service"));
  const service = new Map(Service!);

  it("is of type notify, starts again after a failure, and keeps its data to itself", () => {
    expect(Unit!.map(([name]) => name)).toContain("Description");
    expect(Install).toEqual([["WantedBy", "multi-user.target"]]);
    expect(Object.fromEntries(service)).toMatchObject({
      Type: "notify",
      Restart: "on-failure",
      DynamicUser: "yes",
      StateDirectory: "mcpctl",
      StateDirectoryMode: "0700",
      UMask: "0077",
      LimitCORE: "0",
    });
    expect(service.get("ExecStart")).toMatch(/^\/usr\/bin\/mcpctl server( |$)/);
    expect(Number(service.get("WatchdogSec"))).toBeGreaterThanOrEqual(10);
    // Streams are given 30 s, and what is left is written down after that.
    expect(Number(service.get("TimeoutStopSec"))).toBeGreaterThan(35);
  });

  it("lets JavaScript be compiled", () => {
    expect(service.has("MemoryDenyWriteExecute")).toBe(false);
  });

  // T177
  it("lets programs of MCP servers be put into a sandbox", () => {
    const filters = Service!.filter(([name]) => name === "SystemCallFilter").map(([, value]) => value);
    // The last one wins over those before.
    const calls = filters.at(-1)!.split(" ");
    const landlock = ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"];
    for (const call of [...landlock, "seccomp", "capset", "setrlimit", "prlimit64"])
      expect(calls).toContain(call);
  });

  it("is put up with by systemd, and is hardened", { skip: !analyze }, () => {
    expect(analyzed("mcpctl.service", ["verify"])).toEqual({ code: 0, said: "" });
    const { said } = analyzed("mcpctl.service", ["security", "--offline=true", "--no-pager"]);
    const score = Number(/Overall exposure level for mcpctl\.service: ([\d.]+)/.exec(said)?.[1]);
    expect(score).toBeGreaterThan(0);
    expect(score).toBeLessThanOrEqual(1.5);
  });
});

describe("mcpctl.socket", () => {
  it("opens the default address of the server, on which this machine alone can reach it", () => {
    const { Socket, Install } = settings(read("mcpctl.socket"));
    expect(Object.fromEntries(Socket!)).toMatchObject({ ListenStream: "127.0.0.1:7777" });
    expect(Install).toEqual([["WantedBy", "sockets.target"]]);
  });
});

describe("mcpctl-agent.service", () => {
  it("says what `mcpctl agent install` writes", () => {
    expect(settings(read("mcpctl-agent.service"))).toEqual(
      settings(unitText({ command: ["/usr/bin/mcpctl"] })),
    );
  });

  it("lets a wake command become root, and holds no token", () => {
    const names = settings(read("mcpctl-agent.service"))["Service"]!.map(([name]) => name);
    const implying =
      /^(NoNewPrivileges|SystemCall|Restrict(?!art)|Private|Protect|LockPersonality|MemoryDeny)/;
    expect(names.filter((name) => implying.test(name) && !name.startsWith("RestartPrevent"))).toEqual([]);
    expect(read("mcpctl-agent.service")).not.toMatch(/token/i);
  });

  it("is put up with by systemd", { skip: !analyze }, () => {
    // As a system's unit: a user's wants a user's manager to be there.
    expect(analyzed("mcpctl-agent.service", ["verify"])).toEqual({ code: 0, said: "" });
  });
});
