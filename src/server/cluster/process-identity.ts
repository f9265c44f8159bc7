import { readFileSync, readlinkSync } from "node:fs";
import { processTable } from "../../processes/process-table.ts";

/** Returns what tells this process from all others, also on other hosts and in other containers; "" if that is not known. */
export function processIdentity(): string {
  const start = processTable().startOf(process.pid);
  const space = namespace();
  return start === undefined || space === undefined ? "" : `${space} ${process.pid} ${start}`;
}

/** True if a process is over for certain: it ran on this host, in the same container, and does not run any more. */
export function isOver(identity: string): boolean {
  const [space, pid, start = ""] = identity.split(" ");
  const own = processIdentity().split(" ");
  const [boot] = start.split("/");
  if (boot === "" || space !== own[0] || !own[2]?.startsWith(`${boot}/`)) return false;
  return processTable().startOf(Number(pid)) !== start;
}

function namespace(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return undefined;
  }
}

/**
 * Returns a clock in milliseconds that nobody sets, and that goes on while the machine sleeps: a lease does not wait
 * for a machine that was suspended. Where the system has none, it is the given one.
 */
export function clockOfLeases(elapsed: () => number): () => number {
  // proc_uptime(5) counts from the boot, as CLOCK_BOOTTIME does.
  const uptime = () => Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]) * 1000;
  try {
    if (!(uptime() > 0)) return elapsed;
  } catch {
    return elapsed;
  }
  return uptime;
}
