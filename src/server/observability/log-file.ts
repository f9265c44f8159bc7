import { closeSync, openSync, writeSync } from "node:fs";
import { AppError } from "../../errors.ts";
import { reasonText } from "../../system-errors.ts";

/** A file for a log, which only its owner can read. */
export interface LogFile {
  /** Takes the place of stderr. */
  stream: NodeJS.WriteStream;
  /** Opens the file anew, after another program has moved it away. The old one is kept if that fails. */
  reopen(): void;
}

/** Opens a file for a log; what is in it stays. Throws AppError `invalid_request` with its name. */
export function openLogFile(path: string): LogFile {
  const open = () => openSync(path, "a", 0o600);
  let file: number;
  try {
    file = open();
  } catch (cause) {
    throw new AppError("invalid_request", `cannot write the log ${path}: ${reasonText(cause)}`, { cause });
  }
  const stream = {
    isTTY: false,
    on: () => stream,
    write(text: string) {
      try {
        writeSync(file, text);
      } catch {
        // A full disk must not stop the server.
      }
      return true;
    },
  };
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    reopen() {
      try {
        const next = open();
        closeSync(file);
        file = next;
      } catch {
        // Lines go on into the old file.
      }
    },
  };
}
