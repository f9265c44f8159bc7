import { readdirSync, readFileSync } from "node:fs";
import { libcNames } from "./libc-names.ts";

/** Milliseconds between two looks. Children that this program started itself are reaped long before the second one. */
const everyMs = 5_000;
/** `WNOHANG` of Linux. */
const noHang = 1;

/**
 * Reaps processes that became children of this program when their parents ended. Only the first process of a container
 * gets such children, and without this they would fill its table of processes.
 *
 * @returns a function that ends it
 */
export async function reapOrphans(): Promise<() => void> {
  if (process.pid !== 1 || process.platform !== "linux") return () => {};
  const { dlopen } = await import("bun:ffi");
  const open = (library: string) => {
    try {
      return dlopen(library, { waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" } });
    } catch {
      return undefined;
    }
  };
  const libc = libcNames.map(open).find((one) => one !== undefined);
  if (!libc) return () => {};
  let seen = new Set<number>();
  const timer = setInterval(() => {
    const zombies = zombiesOf(process.pid);
    for (const pid of zombies) if (seen.has(pid)) libc.symbols.waitpid(pid, null, noHang);
    seen = new Set(zombies);
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Returns the children of a process that have ended and were not reaped. */
function zombiesOf(parent: number): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      // The name of a program may contain spaces and brackets.
      const [state, ppid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return state === "Z" && Number(ppid) === parent ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}
