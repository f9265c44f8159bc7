import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Machine, reasonAgainst, startMachine } from "./machine.ts";

const against = reasonAgainst();
if (against !== undefined) process.stderr.write(`skipped: ${against}\n`);
let machine: Machine;

/** Writes a drop-in of the server's unit. Undefined removes it. */
function dropIn(text: string | undefined) {
  const path = "/etc/systemd/system/mcpctl.service.d/test.conf";
  if (text === undefined) machine.run(["rm", "-f", path]);
  else machine.write(path, text);
  machine.must("systemctl daemon-reload");
}

const main = () => machine.shown("mcpctl", "MainPID");

describe.skipIf(against !== undefined)("mcpctl.service under a real systemd", () => {
  beforeAll(async () => {
    machine = await startMachine();
  });
  afterAll(() => machine?.stop());

  it("is started when it listens, and runs as a user of its own with root as its administrator", () => {
    machine.must("systemctl start mcpctl");
    expect(machine.shown("mcpctl", "StatusText")).toBe("listens on http://127.0.0.1:7777");
    expect(machine.must("mcpctl status")).toMatch(/Administrator: +yes/);
    const [owner, user] = machine.must(["stat", "-c", "%U", `/proc/${main()}`, "/proc/1"]).split("\n");
    expect([owner, user]).toEqual(["mcpctl", "root"]);
  });

  it("keeps its data from other users", () => {
    machine.run("useradd --create-home --uid 4321 --home-dir /home/user4321 tester");
    expect(machine.run("ls /var/lib/mcpctl/", { user: 4321 })).toMatchObject({
      code: 2,
      text: expect.stringContaining("Permission denied"),
    });
    expect(machine.run("mcpctl get llms", { user: 4321 }).code).not.toBe(0);
  });

  // T177
  it("puts programs of MCP servers into a sandbox, in which they see neither the database nor the credentials", async () => {
    const script = `#!/bin/sh
      read question
      for one in /var/lib/mcpctl/mcpctl.db /run/credentials/mcpctl.service/master-key /proc/${main()}/environ /etc/shadow; do
        if cat $one >/dev/null 2>&1; then echo "read $one" >&2; else echo "refused $one" >&2; fi
      done
      grep CapEff /proc/self/status >&2
      echo over >&2
      exit 1`;
    machine.write("/srv/spy", script, 0o755);
    machine.must("mcpctl create server spy --command /srv/spy");
    machine.must("mcpctl create project p");
    machine.must("mcpctl attach-server spy -p p");
    await expect.poll(() => machine.must("mcpctl logs spy")).toContain("over");
    const log = machine.must("mcpctl logs spy");
    expect(log).toMatch(/has started, sandbox landlock/);
    expect(log).not.toMatch(/^(\[stderr\] )?read /m);
    expect(log).toContain("refused /var/lib/mcpctl/mcpctl.db");
    expect(log).toMatch(/CapEff:\\t0+$/m);
    machine.must("mcpctl detach-server spy -p p");
  });

  it("is killed and started again by the watchdog when it is stuck", async () => {
    dropIn("[Service]\nWatchdogSec=1\nRestartSec=0\n");
    machine.must("systemctl restart mcpctl");
    const before = main();
    await Bun.sleep(1500);
    expect(main()).toBe(before);
    machine.must(["kill", "-STOP", before]);
    await expect.poll(() => machine.shown("mcpctl", "NRestarts")).toBe("1");
    await expect.poll(() => machine.shown("mcpctl", "ActiveState")).toBe("active");
    expect(main()).not.toBe(before);
    machine.must("mcpctl status");
    dropIn(undefined);
    machine.must("systemctl restart mcpctl");
  });

  it("finds the master key that LoadCredential= passes, and says what is missing without it", () => {
    const credential = "[Service]\nLoadCredential=master-key:/etc/mcpctl/master-key\n";
    machine.write("/etc/mcpctl/master-key", `${"ab".repeat(32)}\n`, 0o600);
    dropIn(credential);
    machine.must("systemctl restart mcpctl");
    machine.must("mcpctl create secretbackend vault --type sealed");
    machine.must("mcpctl create secret s --backend vault --data k=-", { input: "value" });
    machine.must("systemctl restart mcpctl");
    expect(machine.must("mcpctl get secretbackends")).toContain("vault");
    dropIn(undefined);
    expect(machine.run("systemctl restart mcpctl").code).toBe(1);
    expect(machine.must("journalctl -u mcpctl -o cat -n 20 --no-pager")).toMatch(/master key/);
    dropIn(credential);
    machine.run("systemctl reset-failed mcpctl");
    machine.must("systemctl restart mcpctl");
  });

  it("is not started again and again with a setting that is wrong, and its log says which", async () => {
    machine.write("/etc/mcpctl/server.env", "MCPCTL_LISTEN=nowhere\n", 0o600);
    expect(machine.run("systemctl restart mcpctl").code).toBe(1);
    await expect.poll(() => machine.shown("mcpctl", "ActiveState")).toBe("failed");
    expect(machine.shown("mcpctl", "ExecMainStatus")).toBe("2");
    expect(machine.must("journalctl -u mcpctl -o cat -n 20 --no-pager")).toMatch(/nowhere/);
    machine.must("rm /etc/mcpctl/server.env");
    machine.must("systemctl reset-failed mcpctl");
    machine.must("systemctl start mcpctl");
  });

  // Failure mode 168
  it("loses no request of fifty connections while systemd keeps its socket and restarts it", async () => {
    machine.must("systemctl stop mcpctl");
    machine.must("systemctl start mcpctl.socket");
    expect(machine.shown("mcpctl", "ActiveState")).toBe("inactive");
    const script = `
      const counts = {};
      const until = performance.now() + 4000;
      const one = async () => {
        while (performance.now() < until) {
          const outcome = await fetch("http://127.0.0.1:7777/healthz")
            .then((response) => response.text().then(() => response.status))
            .catch((error) => String(error.code ?? error));
          counts[outcome] = (counts[outcome] ?? 0) + 1;
          await Bun.sleep(2);
        }
      };
      await Promise.all(Array.from({ length: 50 }, one));
      console.log(JSON.stringify(counts));`;
    const words = ["nsenter", "--target", String(machine.pid), "--net", process.execPath, "-e", script];
    const clients = Bun.spawn(words, { stdout: "pipe" });
    // The first connection starts the server.
    await expect.poll(() => machine.shown("mcpctl", "ActiveState")).toBe("active");
    for (let restart = 0; restart < 3; restart++) {
      // The starts of all these tests count for the limit of the unit, which is five in ten seconds.
      machine.run("systemctl reset-failed mcpctl");
      machine.must("systemctl restart mcpctl");
    }
    const counts = JSON.parse(await new Response(clients.stdout).text());
    expect(Object.keys(counts)).toEqual(["200"]);
    expect(counts[200]).toBeGreaterThan(100);
    machine.must("systemctl stop mcpctl.socket mcpctl");
    expect(machine.shown("mcpctl", "Result")).toBe("success");
  });
});
