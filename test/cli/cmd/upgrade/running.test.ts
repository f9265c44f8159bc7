import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { restartText, runningFrom } from "../../../../src/cli/cmd/upgrade/running.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const program = "/usr/local/bin/mcpctl";

/** A folder as `/proc`, with processes by id: program, words, and the lines of their control groups. */
function proc(processes: Record<string, [exe: string, words: string[], groups: string]>): string {
  const folder = temporaryFolder();
  for (const [pid, [exe, words, groups]] of Object.entries(processes)) {
    mkdirSync(join(folder, pid));
    symlinkSync(exe, join(folder, pid, "exe"));
    writeFileSync(join(folder, pid, "cmdline"), words.map((word) => `${word}\0`).join(""));
    writeFileSync(join(folder, pid, "cgroup"), groups);
  }
  return folder;
}

it("servers and agents that run the old program are named with the way to restart them (failure mode 215)", () => {
  const agentUnit = "/user.slice/user-1000.slice/user@1000.service/app.slice/mcpctl-agent.service";
  const folder = proc({
    "11": [program, ["mcpctl", "server"], "0::/system.slice/mcpctl.service\n"],
    "12": [program, ["mcpctl", "agent"], `12:pids:/x.service\n1:name=systemd:${agentUnit}\n0::/\n`],
    "13": [program, ["mcpctl", "server"], "0::/user.slice/user-1000.slice/session-1.scope\n"],
    "14": [program, ["mcpctl", "server"], "0::/user.slice/user-1000.slice/user@1000.service\n"],
    "15": [program, ["mcpctl", "upgrade"], "0::/\n"],
    "16": ["/usr/bin/other", ["mcpctl", "server"], "0::/system.slice/mcpctl.service\n"],
    net: [program, ["mcpctl", "server"], "0::/\n"],
  });
  mkdirSync(join(folder, "17"));
  expect(runningFrom(program, folder).map(restartText)).toEqual([
    "the server with process id 11 still runs the old version; restart it: sudo systemctl restart mcpctl",
    "the agent with process id 12 still runs the old version; restart it: systemctl --user restart mcpctl-agent",
    "the server with process id 13 still runs the old version; restart it",
    "the server with process id 14 still runs the old version; restart it",
  ]);
  expect(runningFrom(program, join(folder, "missing"))).toEqual([]);
});
