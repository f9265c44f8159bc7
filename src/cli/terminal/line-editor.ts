import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import type { LineEditor, Typed } from "./terminal.ts";

/** Where keys come from, and where they show. */
interface Keyboard {
  stdin: NodeJS.ReadableStream;
  stderr: NodeJS.WritableStream & { columns?: number };
}

/**
 * Lines typed on a terminal, with editing and history; prompts and echo go to stderr. Between two questions nothing is
 * echoed, and what is typed then is there when the next one is asked.
 *
 * @param history earlier lines, the oldest first
 */
export function terminalLines(history: readonly string[], { stdin, stderr }: Keyboard = process): LineEditor {
  let isQuiet = true;
  const output = new Writable({
    write(chunk, _encoding, done) {
      // Not behind what still waits: whether it is to be seen is decided now.
      if (!isQuiet) stderr.write(chunk);
      done();
    },
  });
  // Where a line wraps, readline asks the stream.
  Object.defineProperty(output, "columns", { get: () => stderr.columns });
  const keyboard = createInterface({
    input: stdin,
    output,
    terminal: true,
    history: history.toReversed(),
    historySize: 1000,
    removeHistoryDuplicates: true,
  });
  /** Lines that were typed before anybody asked. */
  const ahead: string[] = [];
  let hasEnded = false;
  let settle: ((typed: Typed) => void) | undefined;
  const answer = (typed: Typed) => {
    isQuiet = true;
    settle?.(typed);
    settle = undefined;
  };
  const editor: LineEditor = {
    read(question) {
      const line = ahead.shift();
      if (line !== undefined) return Promise.resolve({ line });
      if (hasEnded) return Promise.resolve("ended");
      const { promise, resolve } = Promise.withResolvers<Typed>();
      settle = resolve;
      isQuiet = false;
      keyboard.setPrompt(question);
      keyboard.prompt(true);
      return promise;
    },
    onInterrupt: undefined,
    close: () => keyboard.close(),
  };
  keyboard.on("line", (line) => {
    if (settle) answer({ line });
    else ahead.push(line);
  });
  // In raw mode Ctrl-C is a key like any other: no signal comes.
  keyboard.on("SIGINT", () => {
    if (!settle) return editor.onInterrupt?.();
    // What was typed so far is given up.
    keyboard.write(null, { ctrl: true, name: "e" });
    keyboard.write(null, { ctrl: true, name: "u" });
    stderr.write("\n");
    answer("interrupted");
  });
  keyboard.on("close", () => {
    hasEnded = true;
    answer("ended");
  });
  return editor;
}
