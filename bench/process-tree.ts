import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Returns the process, those that it has started, and those that they have started. Linux only: elsewhere the process alone. */
export function familyOf(pid: number): number[] {
  return process.platform === "linux" ? [pid, ...descendantsOf(pid)] : [pid];
}

/** Returns the processes that a process has started, and those that they have started. Linux only. */
export function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const one of processIds()) {
    const parent = Number(statOf(one)?.[1]);
    if (parent > 0) parents.set(one, parent);
  }
  const found = new Set([pid]);
  for (let size = 0; size < found.size; ) {
    size = found.size;
    for (const [child, parent] of parents) if (found.has(parent)) found.add(child);
  }
  found.delete(pid);
  return [...found];
}

/** Returns the processes that listen on a TCP port of this machine, and all that they have started. Linux only. */
export function familiesListeningOn(port: number): number[] {
  const sockets = new Set(listenersOn(port).map((inode) => `socket:[${inode}]`));
  const listening = processIds().filter((pid) => opened(pid).some((file) => sockets.has(file)));
  return [...new Set(listening.flatMap(familyOf))];
}

/** Returns the fields of /proc/PID/stat from the state on; undefined if the process is gone. */
export function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

function processIds(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The state of a socket that listens, as the kernel writes it. */
const listen = "0A";

/** Inodes of the sockets that listen on a port. */
function listenersOn(port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) =>
    readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, , state]) => local?.endsWith(suffix) && state === listen)
      .map((fields) => fields[9]!),
  );
}

/** Targets of the descriptors of a process; none if it is gone or another user's. */
function opened(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}
