import { open, readdir } from "node:fs/promises";
import { decodeLine, type LogLine } from "./log-line.ts";

export interface ReadLogOptions {
  /** The most lines; the newest are returned. */
  tail: number;
  /** Only lines from this time on, RFC 3339. */
  since?: string | undefined;
  /** Only the run before the last one of each file. */
  previous?: boolean;
}

/** Bytes that are read at a time, from the end of a file to its beginning. */
const partBytes = 256 * 1024;

/** Returns the numbers of the instances that have a log in a folder. */
export async function logNumbers(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const numbers = names.flatMap((name) => /^(\d+)\.log(?:\.1)?$/.exec(name)?.[1] ?? []);
  return [...new Set(numbers)].map(Number).sort((a, b) => a - b);
}

/** Reads the lines of a log, from its file and the one before it. */
export async function readLog(
  path: string,
  { tail, since, previous = false }: ReadLogOptions,
): Promise<LogLine[]> {
  const found: LogLine[] = [];
  const runs: string[] = [];
  for (const file of [path, `${path}.1`]) {
    for await (const text of linesFromEnd(file)) {
      const line = decodeLine(text);
      if (!line) continue;
      if (line.run !== runs.at(-1)) runs.push(line.run);
      // The first run from the end is the last one.
      if (previous ? runs.length > 2 : since !== undefined && line.at < since) return found.reverse();
      if (previous && (runs.length < 2 || (since !== undefined && line.at < since))) continue;
      if (found.length >= tail) return found.reverse();
      found.push(line);
    }
  }
  return found.reverse();
}

/** Reads the lines of a file, the last one first. A file that is not there has none. */
async function* linesFromEnd(path: string): AsyncGenerator<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return;
  try {
    let end = (await file.stat()).size;
    let rest = Buffer.alloc(0);
    while (end > 0) {
      const start = Math.max(0, end - partBytes);
      const part = Buffer.alloc(end - start);
      await file.read(part, 0, part.length, start);
      const bytes = Buffer.concat([part, rest]);
      // The first line of the part may begin before it.
      const from = start === 0 ? 0 : bytes.indexOf(10) + 1;
      if (start > 0 && from === 0) {
        rest = bytes;
      } else {
        const lines = bytes.subarray(from).toString("utf8").split("\n");
        for (let i = lines.length - 1; i >= 0; i--) if (lines[i] !== "") yield lines[i]!;
        rest = Buffer.from(bytes.subarray(0, from));
      }
      end = start;
    }
  } finally {
    await file.close();
  }
}
