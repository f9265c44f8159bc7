import { describe, expect, it } from "vitest";
import { type SandboxName, sandboxNames } from "../../../src/kinds/mcp-settings.ts";
import { chooseLevel, sandboxLevels } from "../../../src/processes/sandbox/levels.ts";
import type { Availability, SandboxLevel } from "../../../src/processes/sandbox/sandbox-level.ts";
import { errorOf } from "../../support/error-of.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

function level(name: SandboxName, found: Availability): SandboxLevel {
  return {
    name,
    title: name,
    runs: "host",
    isolates: name !== "systemd",
    gaps: [],
    probe: async () => found,
    wrap: ({ argv, env, folder }) => ({
      argv: [argv[0]!, ...argv.slice(1)],
      env,
      cwd: folder,
      hasMonitor: false,
    }),
  };
}

const missing = { available: false, reason: "it is not installed", hint: "install it" } as const;
const levels = [
  level("bwrap", missing),
  level("landlock", { available: true }),
  level("systemd", { available: true }),
];

const needs = { ways: ["host"], network: true } as const;

describe("the choice of a sandbox", () => {
  it("is the strongest that the host has for auto, with the reasons against stronger ones", async () => {
    const { level, missing } = await chooseLevel("auto", levels, needs);
    expect(level.name).toBe("landlock");
    expect(missing).toEqual(["bwrap is not used: it is not installed"]);
  });

  it("is the named one, also where a stronger one exists", async () => {
    const { level, missing } = await chooseLevel("systemd", levels, needs);
    expect(level.name).toBe("systemd");
    expect(missing).toEqual([]);
  });

  // T143
  it("fails for a level that the host lacks, instead of taking a weaker one", async () => {
    expect(await errorOf(chooseLevel("bwrap", levels, needs))).toMatchObject({
      code: "not_supported",
      message: "the sandbox bwrap does not work on this host: it is not installed",
      hint: "install it",
    });
  });

  // T144
  it("is one that can turn the network off, where that is asked for, and fails otherwise", async () => {
    const offline = { ...needs, network: false };
    expect((await chooseLevel("auto", levels, offline)).level.name).toBe("landlock");
    expect(await errorOf(chooseLevel("systemd", levels, offline))).toMatchObject({
      code: "invalid_request",
      message: "the sandbox systemd cannot turn the network off",
    });
    const without = levels.filter(({ name }) => name !== "landlock");
    expect(await errorOf(chooseLevel("auto", without, offline))).toMatchObject({ code: "not_supported" });
  });

  it("fails for an unknown name, with the names that there are", async () => {
    expect(await errorOf(chooseLevel("chroot" as "auto", levels, needs))).toMatchObject({
      code: "invalid_request",
      hint: "the sandboxes are: auto, container, bwrap, landlock, systemd, none",
    });
  });
});

describe("the levels of a host without any program", () => {
  it("are found out one by one: what works without a program, and the reason for each other", async () => {
    const found = sandboxLevels({ env: { PATH: temporaryFolder() } });
    expect(found.map(({ name }) => name)).toEqual([...sandboxNames]);
    expect(await found.find(({ name }) => name === "bwrap")!.probe()).toEqual({
      available: false,
      reason: "bubblewrap is not installed",
      hint: expect.stringContaining("apt-get install bubblewrap"),
    });
    expect(await found.at(-1)!.probe()).toEqual({ available: true });
  });
});

// T226
it.runIf(process.platform === "linux")(
  "Landlock is found without any other program on the host",
  async () => {
    const landlock = (path: string) =>
      sandboxLevels({ env: { PATH: path } })
        .find(({ name }) => name === "landlock")!
        .probe();
    expect(await landlock("/nonexistent")).toEqual(await landlock(process.env["PATH"]!));
  },
);
