import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Machine, reasonAgainst, startMachine } from "./machine.ts";

const against = reasonAgainst();
let machine: Machine;

/** A server of root without any hardening, which may ask systemd for scopes. */
const unit = `
[Service]
Type=notify
ExecStart=/usr/bin/mcpctl server --listen 127.0.0.1:7790 --data-dir /var/lib/plain
TimeoutStopSec=45
`;
const mcpctl = (line: string) => machine.must(`mcpctl --server unix:///var/lib/plain/mcpctl.sock ${line}`);

/** Defines an MCP server whose program is a script, with limits, in a scope of systemd. Returns when it has started. */
async function define(name: string, script: string) {
  machine.write(`/srv/${name}`, `#!/bin/sh\n${script}\n`, 0o755);
  const file = `kind: server\nname: ${name}\ncommand: [/srv/${name}]\nsandbox: systemd\nresources: {memoryMb: 64, pids: 20}\n`;
  machine.write(`/srv/${name}.yaml`, file);
  mcpctl(`apply -f /srv/${name}.yaml`);
  mcpctl(`attach-server ${name} -p p`);
  await expect.poll(() => mcpctl(`logs ${name}`)).toContain("has started, sandbox systemd");
}

const scopes = () =>
  machine.must("systemctl list-units --type=scope --no-legend --plain mcpctl-*").split("\n").filter(Boolean);
const processes = (name: string) =>
  machine
    .run(["pgrep", "-f", `^/bin/sh /srv/${name}$`])
    .text.split("\n")
    .filter(Boolean);

describe.skipIf(against !== undefined)("a program in a scope of a real systemd", () => {
  beforeAll(async () => {
    machine = await startMachine();
    machine.write("/etc/systemd/system/plain.service", unit);
    machine.must("systemctl daemon-reload");
    machine.must("systemctl start plain");
    mcpctl("create project p");
  });
  afterAll(() => machine?.stop());

  // Failure mode 114
  it("does not get more memory than it may have", async () => {
    // Faster than mcpctl looks.
    await define(
      "greedy",
      "head -c 300000000 /dev/zero | tail -c 200000000 >/dev/null; echo status $? >&2; exit 1",
    );
    await expect.poll(() => mcpctl("logs greedy")).toMatch(/status 137|SIGKILL|uses .* more than/);
    mcpctl("detach-server greedy -p p");
  });

  // Failure mode 115
  it("is refused more processes than it may have", async () => {
    await define(
      "bomb",
      "i=0; while [ $i -lt 100 ]; do sleep 5 & i=$((i+1)); done; echo not refused >&2; wait",
    );
    await expect.poll(() => mcpctl("logs bomb")).toMatch(/[Cc]annot fork|Resource temporarily unavailable/);
    expect(mcpctl("logs bomb")).not.toContain("not refused");
    mcpctl("detach-server bomb -p p");
  });

  // Failure mode 113
  it("ends with its server when that is killed, whatever it ignores, and after it when it stops in order", async () => {
    const stubborn =
      "trap '' TERM; setsid sh -c \"trap '' TERM; exec sleep 1000\" & while :; do sleep 0.2; done";
    await define("stubborn", stubborn);
    await expect.poll(() => scopes().length).toBeGreaterThan(0);
    await expect.poll(() => processes("stubborn").length).toBeGreaterThan(0);
    machine.must("systemctl kill --signal=KILL --kill-who=main plain");
    await expect.poll(() => machine.shown("plain", "ActiveState")).toBe("failed");
    await expect.poll(scopes).toEqual([]);
    expect(processes("stubborn")).toEqual([]);
    expect(machine.run(["pgrep", "-f", "^sleep 1000$"]).code).toBe(1);

    machine.must("systemctl start plain");
    await expect.poll(() => scopes().length).toBeGreaterThan(0);
    machine.must("systemctl stop plain");
    expect(machine.shown("plain", "Result")).toBe("success");
    await expect.poll(scopes).toEqual([]);
  });
});
