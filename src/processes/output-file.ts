import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync } from "node:fs";
import { LineSplitter } from "./line-splitter.ts";

/** A file that takes the output of a detached program. */
export interface OutputFile {
  /** For the program. */
  readonly descriptor: number;
  /** Returns the whole lines that have come since the last call. */
  newLines(): string[];
  /** Returns the text after the last end of a line. */
  rest(): string;
  /** Returns the last lines, without characters that would move a terminal's cursor (T42). */
  lastLines(count: number): string[];
  /** Empties the file when it is over 8 MiB. */
  trim(): void;
  close(): void;
}

/** The file is emptied beyond this, in bytes. */
const longest = 8 * 1024 * 1024;

/** The last lines are read from so many bytes at the end of the file. */
const tailBytes = 32 * 1024;

/** Bytes that are read at a time. */
const partBytes = 256 * 1024;

/**
 * Opens the file, which only its owner can read: it may contain prompts of users.
 *
 * @param options.empty true for a program that is started, false for one that is adopted
 */
export function openOutputFile(path: string, { empty }: { empty: boolean }): OutputFile {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_TRUNC } = constants;
  // O_APPEND: the program goes on at the new end after the file was emptied.
  const descriptor = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | (empty ? O_TRUNC : 0), 0o600);
  // Progress bars end a line with a carriage return.
  const splitter = new LineSplitter({ separator: /[\r\n]+/, longest: tailBytes });
  let position = 0;
  let isClosed = false;

  const readAt = (from: number, most: number) => {
    const bytes = Buffer.alloc(most);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, most, from));
  };

  return {
    descriptor,
    newLines() {
      const lines: string[] = [];
      for (let bytes = readAt(position, partBytes); bytes.length > 0; bytes = readAt(position, partBytes)) {
        position += bytes.length;
        lines.push(...splitter.push(bytes));
      }
      return lines;
    },
    rest: () => splitter.end(),
    lastLines(count) {
      if (isClosed) return [];
      const from = Math.max(0, fstatSync(descriptor).size - tailBytes);
      const lines = readAt(from, tailBytes)
        .toString("utf8")
        .split(/[\r\n]+/);
      const plain = lines.map((line) => line.replace(/\x1b\[[\d;]*m|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, ""));
      return plain.filter((line) => line.trim() !== "").slice(-count);
    },
    trim() {
      if (isClosed || fstatSync(descriptor).size <= longest) return;
      ftruncateSync(descriptor, 0);
      position = 0;
    },
    close() {
      if (!isClosed) closeSync(descriptor);
      isClosed = true;
    },
  };
}
