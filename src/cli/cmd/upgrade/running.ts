import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** A server or agent that runs from a program file. */
export interface RunningRole {
  pid: number;
  role: "server" | "agent";
  /** The unit of systemd that it belongs to, without `.service`. */
  unit: string | undefined;
  /** The unit is one of a user's own manager. */
  isUserUnit: boolean;
}

/**
 * Returns the servers and agents that run from a program file. Those of other users are not seen without root, and on
 * other systems than Linux there are none.
 */
export function runningFrom(path: string, proc = "/proc"): RunningRole[] {
  const pids = namesIn(proc).filter((name) => /^\d+$/.test(name));
  return pids
    .sort((a, b) => Number(a) - Number(b))
    .flatMap((pid) => {
      try {
        const folder = join(proc, pid);
        if (readlinkSync(join(folder, "exe")) !== path) return [];
        const role = readFileSync(join(folder, "cmdline"), "utf8").split("\0")[1];
        if (role !== "server" && role !== "agent") return [];
        return [{ pid: Number(pid), role, ...unitOf(readFileSync(join(folder, "cgroup"), "utf8")) }];
      } catch {
        // It has ended, or is another user's.
        return [];
      }
    });
}

/** Returns the sentence about one that keeps the old version. */
export function restartText({ pid, role, unit, isUserUnit }: RunningRole): string {
  const command = isUserUnit ? "systemctl --user restart" : "sudo systemctl restart";
  const how = unit === undefined ? "restart it" : `restart it: ${command} ${unit}`;
  return `the ${role} with process id ${pid} still runs the old version; ${how}`;
}

function unitOf(groups: string): Pick<RunningRole, "unit" | "isUserUnit"> {
  // Of systemd's own hierarchy: `0::/system.slice/mcpctl.service`.
  const path = /^(?:0:|\d+:name=systemd):(\/.*)$/m.exec(groups)?.[1] ?? "";
  const unit = /\/([\w@.-]+)\.service$/.exec(path)?.[1];
  const isTheirs = unit !== undefined && !/^user@\d+$/.test(unit);
  return { unit: isTheirs ? unit : undefined, isUserUnit: isTheirs && path.includes("/user@") };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
