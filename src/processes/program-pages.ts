import { readFileSync, readlinkSync } from "node:fs";
import { elfSection } from "./elf-section.ts";
import { libcNames } from "./libc-names.ts";

/** Milliseconds after which a start is over: the timers have run once. */
const startTime = 5_000;
const program = "/proc/self/exe";
/** The section of a compiled program with the code in JavaScript and its bytecode. */
const scripts = ".bun";
/** `MADV_DONTNEED` and `MADV_DONTDUMP` of Linux. */
const notNeeded = 4;
const notDumped = 16;
/** The pages of all systems fit into it. Bytes. */
const wholePages = 64 * 1024;

/** The first line of a mapping: its address, its end, if it can be written, the place in the file, and the file. */
const firstLine = /^([0-9a-f]+)-([0-9a-f]+) r(.).p ([0-9a-f]+) \S+ \d+ +(.+)\n/;
const eachMapping = /^(?=[0-9a-f]+-[0-9a-f]+ )/m;

/** A mapping of the program's file. Bytes. */
interface Mapping {
  start: number;
  length: number;
  /** The place of its first byte in the file. */
  offset: number;
  isWritable: boolean;
  /** Its pages are as they are in the file. */
  isUnchanged: boolean;
}

type Madvise = (start: number, length: number, advice: number) => number;

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
  try {
    const { dlopen } = await import("bun:ffi");
    for (const name of libcNames) {
      try {
        const libc = dlopen(name, { madvise: { args: ["usize", "usize", "i32"], returns: "i32" } });
        const released = release(libc.symbols.madvise);
        libc.close();
        return released;
      } catch {}
    }
  } catch {}
  return 0;
}

/** Throws where there is no /proc. */
function release(madvise: Madvise): number {
  const ofScripts = separate(madvise);
  let released = 0;
  for (const { start, length, isWritable, isUnchanged } of mappings()) {
    // A page that was changed is nowhere else, and would be lost; so would one that another thread changes meanwhile.
    if (!isUnchanged || (isWritable && start !== ofScripts)) continue;
    if (madvise(start, length, notNeeded) === 0) released += length;
  }
  return released;
}

/**
 * Makes a mapping of its own of the scripts, which lie in the same one as variables: the advice not to dump them does that.
 * Nobody writes them. Returns its address; undefined in a program that was not compiled.
 */
function separate(madvise: Madvise): number | undefined {
  const part = elfSection(program, scripts);
  const around =
    part && mappings().find(({ offset, length }) => part.offset >= offset && part.offset < offset + length);
  if (!around) return undefined;
  const from = around.start + part.offset - around.offset;
  const start = Math.ceil(from / wholePages) * wholePages;
  const length = Math.floor((from + part.length - start) / wholePages) * wholePages;
  return length > 0 && madvise(start, length, notDumped) === 0 ? start : undefined;
}

function mappings(): Mapping[] {
  const path = readlinkSync(program);
  return readFileSync("/proc/self/smaps", "utf8")
    .split(eachMapping)
    .flatMap((text) => {
      const [, start = "", end = "", write, offset = "", file] = firstLine.exec(text) ?? [];
      if (file !== path) return [];
      return {
        start: Number.parseInt(start, 16),
        length: Number.parseInt(end, 16) - Number.parseInt(start, 16),
        offset: Number.parseInt(offset, 16),
        isWritable: write === "w",
        isUnchanged: /^Anonymous: +0 kB$/m.test(text) && !/^Swap: +[1-9]/m.test(text),
      };
    });
}
