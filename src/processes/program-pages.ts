import { readFileSync, readlinkSync } from "node:fs";
import { libcNames } from "./libc-names.ts";

/** Milliseconds after which a start is over: the timers have run once. */
const startTime = 5_000;
/** `MADV_DONTNEED` of Linux. */
const notNeeded = 4;

/** The first line of a mapping of a file that the program cannot write: its address, its end and the file. */
const readOnly = /^([0-9a-f]+)-([0-9a-f]+) r-.p [0-9a-f]+ \S+ \d+ +(.+)\n/;
const eachMapping = /^(?=[0-9a-f]+-[0-9a-f]+ )/m;

/** Gives back the pages of the program's file that its start has used, a few seconds after it. Keeps no process alive. */
export function releasePagesAfterStart(): void {
  setTimeout(() => void releaseProgramPages(), startTime).unref();
}

/**
 * Gives back the resident pages of the program's own file. Most of its code runs once, at the start; what runs again is
 * mapped again, without reading the file, as long as the kernel has it in its cache. Does nothing on systems other than
 * Linux. Never throws.
 *
 * @returns the number of bytes whose pages were given back, resident or not
 */
export async function releaseProgramPages(): Promise<number> {
  if (process.platform !== "linux") return 0;
  let released = 0;
  try {
    const { dlopen } = await import("bun:ffi");
    for (const name of libcNames) {
      try {
        const libc = dlopen(name, { madvise: { args: ["usize", "usize", "i32"], returns: "i32" } });
        for (const { start, length } of unchangedMappings())
          if (libc.symbols.madvise(start, length, notNeeded) === 0) released += length;
        libc.close();
        return released;
      } catch {}
    }
  } catch {}
  return released;
}

/** Returns the mappings of the program's file whose pages are as they are in the file. Throws where there is no /proc. */
function unchangedMappings(): { start: number; length: number }[] {
  const program = readlinkSync("/proc/self/exe");
  const mappings = readFileSync("/proc/self/smaps", "utf8").split(eachMapping);
  return mappings.flatMap((mapping) => {
    const [, start = "", end = "", file] = readOnly.exec(mapping) ?? [];
    // A page that was changed before its mapping became read-only is nowhere else, and would be lost.
    const isUnchanged = /^Anonymous: +0 kB$/m.test(mapping) && !/^Swap: +[1-9]/m.test(mapping);
    if (file !== program || !isUnchanged) return [];
    return {
      start: Number.parseInt(start, 16),
      length: Number.parseInt(end, 16) - Number.parseInt(start, 16),
    };
  });
}
