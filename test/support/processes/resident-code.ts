import { readFileSync, readlinkSync } from "node:fs";

/** Returns the bytes of a program's own code that are resident in a process of it. Linux only. */
export function residentCode(pid: number): number {
  const program = readlinkSync(`/proc/${pid}/exe`);
  const mapping = readFileSync(`/proc/${pid}/smaps`, "utf8")
    .split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    .find((one) => / r-xp .* (\S+)\n/.exec(one)?.[1] === program);
  return Number(/^Rss: +(\d+) kB$/m.exec(mapping!)![1]) * 1024;
}
