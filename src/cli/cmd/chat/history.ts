import { join } from "node:path";
import { readPrivateFile, writePrivateFile } from "../../../private-file.ts";

const mostLines = 1000;

/** The lines of earlier conversations, the oldest first. Kept in `<home>/chat-history` with mode 0600. */
export class History {
  readonly #path: string;
  lines: string[] = [];

  private constructor(path: string) {
    this.#path = path;
  }

  /** Reads the history. Throws AppError if other users can read the file. */
  static open(home: string): History {
    const history = new History(join(home, "chat-history"));
    const text = readPrivateFile(history.#path, { secret: true }) ?? "";
    history.lines = text.split("\n").filter((line) => line !== "");
    return history;
  }

  /** Adds a line, unless it repeats the last one. */
  add(line: string): void {
    if (line.trim() === "" || line === this.lines.at(-1)) return;
    this.lines.push(line);
    this.lines = this.lines.slice(-mostLines);
    writePrivateFile(this.#path, `${this.lines.join("\n")}\n`);
  }
}
