import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync } from "node:fs";

/** What a vLLM writes: a file, because a pipe would break when the agent is killed, and with it a vLLM to adopt. */
export interface OutputFile {
  /** For the process. */
  readonly descriptor: number;
  /** The whole lines that have come since the last call. */
  newLines(): string[];
  /** The last lines, without what moves a terminal's cursor. */
  lastLines(count: number): string[];
  /** Empties it when it has become too long. */
  trim(): void;
  close(): void;
}

/** The file is emptied beyond this, in bytes. */
const longest = 8 * 1024 * 1024;

/** How much of its end is looked at, in bytes. */
const tail = 32 * 1024;

/** How much of the file is read at a time, in bytes. */
const part = 256 * 1024;

/**
 * @param anew whether it begins empty; not for a process that is adopted
 */
export function openOutput(path: string, { anew }: { anew: boolean }): OutputFile {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_TRUNC } = constants;
  // Appended to, so that it goes on at the new end after it was emptied. Only its owner reads it: it may show prompts.
  const descriptor = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | (anew ? O_TRUNC : 0), 0o600);
  let read = 0;
  let rest = "";
  let isClosed = false;

  const textAt = (from: number, most: number) => {
    const bytes = Buffer.alloc(most);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, most, from));
  };

  return {
    descriptor,
    newLines() {
      const lines: string[] = [];
      for (let bytes = textAt(read, part); bytes.length > 0; bytes = textAt(read, part)) {
        read += bytes.length;
        // Progress bars end a line with a carriage return.
        const pieces = (rest + bytes.toString("latin1")).split(/[\r\n]+/);
        rest = (pieces.pop() ?? "").slice(-tail);
        lines.push(...pieces);
      }
      return lines;
    },
    lastLines(count) {
      if (isClosed) return [];
      const from = Math.max(0, fstatSync(descriptor).size - tail);
      const text = textAt(from, tail).toString("utf8");
      const lines = text
        .split(/[\r\n]+/)
        .map((line) => line.replace(/\x1b\[[\d;]*m|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, ""));
      return lines.filter((line) => line.trim() !== "").slice(-count);
    },
    trim() {
      if (isClosed || fstatSync(descriptor).size <= longest) return;
      ftruncateSync(descriptor, 0);
      read = 0;
    },
    close() {
      if (!isClosed) closeSync(descriptor);
      isClosed = true;
    },
  };
}
