import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Machine, reasonAgainst, startMachine } from "./machine.ts";

const against = reasonAgainst();
let machine: Machine;
const user = 4321;
const asUser = (line: string, input = "") => machine.must(line, { user, input });
const shown = (property: string) =>
  asUser(`systemctl --user show mcpctl-agent --value -p ${property}`).trim();

describe.skipIf(against !== undefined)("mcpctl agent install under a real systemd", () => {
  beforeAll(async () => {
    machine = await startMachine();
    machine.must(`useradd --create-home --uid ${user} --home-dir /home/user${user} tester`);
    machine.must("systemctl start dbus.socket systemd-logind mcpctl");
    machine.must("loginctl enable-linger tester");
    machine.must(`systemctl start user@${user}`);
    const made = JSON.parse(
      machine.must("mcpctl create token agent --bind role:expose,resource:llms -o json"),
    );
    machine.write(`/home/user${user}/token`, made.token, 0o600);
    machine.must(`chown tester: /home/user${user}/token`);
    asUser(
      `mcpctl config set-context home --server http://127.0.0.1:7777 --token-file /home/user${user}/token`,
    );
  });
  afterAll(() => machine?.stop());

  const provider = { name: "llama", type: "openai", model: "m", url: "http://127.0.0.1:9", publish: true };

  it("makes a unit of the user that runs, is ready, and comes back after it was killed or is stuck", async () => {
    const path = `/home/user${user}/.mcpctl/config.json`;
    const known = JSON.parse(machine.run(["cat", path], { user }).text.replace(/^cat: .*/, "{}"));
    asUser(`cp /dev/stdin ${path}`, JSON.stringify({ ...known, llm: { providers: [provider] } }));
    const text = asUser("mcpctl agent install");
    expect(text).toContain("mcpctl-agent.service created");
    expect(text).toContain("ran: systemctl --user enable --now mcpctl-agent.service");
    expect(shown("ActiveState")).toBe("active");
    await expect
      .poll(() => machine.must("mcpctl status"))
      .toMatch(/Workstations: +1 of 1 connected: machine \(admin\)/);
    const before = shown("MainPID");
    machine.must(["kill", "-KILL", before]);
    await expect.poll(() => shown("NRestarts")).toBe("1");
    await expect.poll(() => shown("ActiveState")).toBe("active");
    expect(shown("MainPID")).not.toBe(before);
  });

  it("does not change a unit that is the same, and updates one that differs", () => {
    expect(asUser("mcpctl agent install")).toContain("unchanged");
    machine.must([
      "sed",
      "-i",
      "s/^RestartSec=5/RestartSec=6/",
      `/home/user${user}/.config/systemd/user/mcpctl-agent.service`,
    ]);
    const text = asUser("mcpctl agent install");
    expect(text).toContain("updated");
    expect(text).toContain("ran: systemctl --user restart mcpctl-agent.service");
    expect(shown("ActiveState")).toBe("active");
  });

  it("goes on for the tools of its machine when its token is deleted, and its log says so", async () => {
    const restarts = shown("NRestarts");
    machine.must("mcpctl delete token agent");
    const log = () => machine.must(`journalctl _UID=${user} -o cat --no-pager`);
    // The second, if it was not connected again after the restart before.
    await expect.poll(log).toMatch(/the bearer is no longer valid|does not accept the bearer/);
    expect(shown("ActiveState")).toBe("active");
    expect(shown("NRestarts")).toBe(restarts);
  });

  it("is removed by uninstall", () => {
    expect(asUser("mcpctl agent uninstall")).toContain("removed");
    expect(machine.run("systemctl --user is-enabled mcpctl-agent", { user }).code).not.toBe(0);
  });
});
