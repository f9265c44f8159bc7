import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { installVerb, notHere, uninstallVerb } from "../../../src/agent/cmd/install.ts";
import { unitPath, unitText } from "../../../src/agent/install/unit.ts";
import { defineGroup } from "../../../src/cli/core/command.ts";
import { cli } from "../../support/cli/run-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const commands = {
  agent: {
    summary: "",
    load: async () =>
      defineGroup(
        { name: "agent", description: "agent" },
        {
          install: { summary: "", load: async () => installVerb },
          uninstall: { summary: "", load: async () => uninstallVerb },
        },
      ),
  },
};

/** Makes a home, and a systemctl on the PATH that writes down its arguments. */
function machine(systemctl: string | undefined = "exit 0") {
  const home = temporaryFolder();
  const bin = join(home, "bin");
  const calls = join(home, "calls");
  mkdirSync(bin);
  if (systemctl !== undefined) {
    const script = `#!/bin/sh\nfor word; do printf '%s|' "$word" >> ${calls}; done\necho >> ${calls}\n${systemctl}\n`;
    writeFileSync(join(bin, "systemctl"), script);
    chmodSync(join(bin, "systemctl"), 0o755);
  }
  const env: Record<string, string> = { HOME: home, PATH: bin };
  return {
    home,
    unit: join(home, ".config/systemd/user/mcpctl-agent.service"),
    run: (line: string, more: Record<string, string> = {}) =>
      cli(line, { commands, env: { ...env, ...more } }),
    /** Returns the arguments of each call so far. */
    called: () =>
      existsSync(calls)
        ? readFileSync(calls, "utf8")
            .trim()
            .split("\n")
            .map((line) => line.split("|").slice(0, -1))
        : [],
  };
}

const reload = ["--user", "daemon-reload"];
const enable = ["--user", "enable", "--now", "mcpctl-agent.service"];
const restart = ["--user", "restart", "mcpctl-agent.service"];

describe.skipIf(process.platform !== "linux")("mcpctl agent install", () => {
  it("writes a unit for this program, starts it, and prints the commands", async () => {
    const { run, unit, called } = machine();
    const { code, stdout, stderr, home } = await run("agent install");
    expect([code, stderr]).toEqual([0, ""]);
    expect(called()).toEqual([reload, enable]);
    expect(stdout).toContain(`${unit} created\nran: systemctl --user daemon-reload\n`);
    expect(stdout).toContain("ran: systemctl --user enable --now mcpctl-agent.service\n");
    expect(stdout).toContain("loginctl enable-linger");
    const text = readFileSync(unit, "utf8");
    expect(text).toContain(`ExecStart=${process.execPath} ${Bun.main} agent\n`);
    expect(text).toContain(`Environment=MCPCTL_HOME=${home}\n`);
    expect(text).toMatch(/^Type=notify$/m);
    expect(statSync(unit).mode & 0o022).toBe(0);
  });

  it("writes no token into the unit, whatever is in the environment", async () => {
    const { run, unit } = machine();
    const token = "mcpctl_secret-bearer";
    const { stdout } = await run("agent install", {
      MCPCTL_TOKEN: token,
      MCPCTL_SERVER: "https://llm.example",
    });
    expect(stdout + readFileSync(unit, "utf8")).not.toContain(token);
  });

  it("changes nothing when it runs again, and restarts the agent when the unit has changed", async () => {
    const { run, unit, called, home } = machine();
    const same = { MCPCTL_HOME: join(home, "one") };
    await run("agent install", same);
    const { ino } = statSync(unit);
    expect((await run("agent install", same)).stdout).toContain(`${unit} unchanged\n`);
    expect(statSync(unit).ino).toBe(ino);
    expect(called()).toEqual([reload, enable, reload, enable]);
    const third = await run("agent install", { MCPCTL_HOME: join(home, "with a space") });
    expect(third.stdout).toContain(`${unit} updated\n`);
    expect(called().slice(4)).toEqual([reload, enable, restart]);
    expect(readFileSync(unit, "utf8")).toContain(`Environment="MCPCTL_HOME=${home}/with a space"\n`);
  });

  it("replaces a unit that mcpctl did not write only with --force", async () => {
    const { run, unit, called } = machine();
    mkdirSync(dirname(unit), { recursive: true });
    writeFileSync(unit, "[Service]\nExecStart=/bin/mine\n");
    for (const verb of ["install", "uninstall"]) {
      const { code, stderr } = await run(`agent ${verb}`);
      expect([code, stderr]).toEqual([1, expect.stringContaining("was not written by mcpctl")]);
    }
    expect(readFileSync(unit, "utf8")).toContain("/bin/mine");
    expect(called()).toEqual([]);
    expect((await run("agent install --force")).code).toBe(0);
    expect(readFileSync(unit, "utf8")).not.toContain("/bin/mine");
  });

  it("leaves a masked unit and the target of a link unchanged", async () => {
    const { run, unit, home } = machine();
    mkdirSync(dirname(unit), { recursive: true });
    writeFileSync(join(home, "elsewhere"), "precious");
    symlinkSync(join(home, "elsewhere"), unit);
    expect((await run("agent install")).code).toBe(1);
    expect((await run("agent install --force")).code).toBe(0);
    expect(readFileSync(join(home, "elsewhere"), "utf8")).toBe("precious");
    expect(readFileSync(unit, "utf8")).toContain("ExecStart=");
  });

  it("only writes the unit with --no-start", async () => {
    const { run, unit, called } = machine();
    const { code, stdout } = await run("agent install --no-start");
    expect([code, existsSync(unit), called()]).toEqual([0, true, []]);
    expect(stdout).toContain("systemctl --user daemon-reload && systemctl --user enable --now");
  });

  it.each([
    ["there is no systemctl", "", "systemctl was not found"],
    [
      "there is no user manager",
      "echo 'Failed to connect to bus: No medium found' >&2; exit 1",
      "systemctl --user daemon-reload ended with 1: Failed to connect to bus",
    ],
    [
      "the agent does not start",
      '[ "$2" = daemon-reload ] || { echo "Job for mcpctl-agent.service failed" >&2; exit 3; }',
      "enable --now mcpctl-agent.service ended with 3: Job for",
    ],
  ])("prints the commands to run by hand when %s", async (_, script, said) => {
    const { run, unit } = machine(script === "" ? undefined : script);
    const missing: Record<string, string> = script === "" ? { PATH: temporaryFolder() } : {};
    const { code, stderr } = await run("agent install", missing);
    expect(code).toBe(1);
    expect(stderr).toContain(said);
    expect(stderr).toMatch(/to continue by hand: .*systemctl --user enable --now mcpctl-agent\.service$/m);
    expect(existsSync(unit)).toBe(true);
  });
});

describe.skipIf(process.platform !== "linux")("mcpctl agent uninstall", () => {
  it("stops the agent and removes the unit, and does nothing when there is none", async () => {
    const { run, unit, called } = machine();
    await run("agent install --no-start");
    const { code, stdout } = await run("agent uninstall");
    expect([code, existsSync(unit)]).toEqual([0, false]);
    expect(called()).toEqual([["--user", "disable", "--now", "mcpctl-agent.service"], reload]);
    expect(stdout).toContain(`${unit} removed\n`);
    const again = await run("agent uninstall");
    expect([again.code, again.stdout]).toEqual([0, `${unit} does not exist: nothing to uninstall\n`]);
    expect(called()).toHaveLength(2);
  });
});

it("explains what to do without systemd", () => {
  expect(notHere("darwin")).toMatchObject({
    code: "not_supported",
    hint: expect.stringContaining("launchctl"),
  });
  expect(notHere("win32")).toMatchObject({
    code: "not_supported",
    hint: expect.stringContaining("Task Scheduler"),
  });
});

it("is in the folder in which systemd looks for it", () => {
  expect(unitPath({ HOME: "/home/a", XDG_CONFIG_HOME: "/cfg" })).toBe(
    "/cfg/systemd/user/mcpctl-agent.service",
  );
  expect(unitPath({ HOME: "/home/a", XDG_CONFIG_HOME: "relative" })).toBe(
    "/home/a/.config/systemd/user/mcpctl-agent.service",
  );
  expect(unitPath({})).toBeUndefined();
});

it("quotes words that systemd would read differently", () => {
  const text = unitText({
    command: ['/opt/50% off/$HOME/"mcp"ctl'],
    home: '/a\nExecStartPre=/bin/evil %h $x "',
  });
  expect(text).toContain('ExecStart="/opt/50%% off/$$HOME/\\"mcp\\"ctl" agent\n');
  expect(text).toContain('Environment="MCPCTL_HOME=/a\\nExecStartPre=/bin/evil %%h $x \\""\n');
  expect(text).not.toMatch(/^ExecStartPre/m);
});
