import { readFileSync, readlinkSync } from "node:fs";
import { elfSection } from "../../../src/processes/elf-section.ts";

/** Returns the bytes of a section of a program that are resident in a process of it, with what lies in its mappings. Linux only. */
export function residentSection(pid: number, name: string): number {
  const program = readlinkSync(`/proc/${pid}/exe`);
  const { offset, length } = elfSection(program, name)!;
  let resident = 0;
  for (const mapping of readFileSync(`/proc/${pid}/smaps`, "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const [, start, end, at = "", file] = /^(\S+)-(\S+) \S+ (\S+) \S+ \d+ +(.+)\n/.exec(mapping) ?? [];
    if (file !== program) continue;
    const [from, size] = [Number.parseInt(at, 16), Number(`0x${end}`) - Number(`0x${start}`)];
    const isIn = from < offset + length && from + size > offset;
    if (isIn) resident += Number(/^Rss: +(\d+) kB$/m.exec(mapping)![1]) * 1024;
  }
  return resident;
}
