import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { onDeadlySignal } from "./deadly-signals.ts";
import type { LineEditor, Typed } from "./terminal.ts";

/** The stream of the keys, and the stream that shows them. */
interface Keyboard {
  stdin: NodeJS.ReadableStream;
  stderr: NodeJS.WritableStream & { columns?: number };
}

/**
 * Reads lines from a terminal, with editing and history. Prompts and echo go to stderr. Between two questions nothing
 * is echoed; lines typed then answer the next questions.
 *
 * @param history earlier lines, the oldest first
 */
export function terminalLines(history: readonly string[], { stdin, stderr }: Keyboard = process): LineEditor {
  let isQuiet = true;
  const output = new Writable({
    write(chunk, _encoding, done) {
      // Written at once and not queued: isQuiet may change before a queue is written.
      if (!isQuiet) stderr.write(chunk);
      done();
    },
  });
  // readline reads the width from the stream, to know where a line wraps.
  Object.defineProperty(output, "columns", { get: () => stderr.columns });
  const keyboard = createInterface({
    input: stdin,
    output,
    terminal: true,
    history: history.toReversed(),
    historySize: 1000,
    removeHistoryDuplicates: true,
  });
  /** Lines that were typed before a question. */
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
  const endWatch = onDeadlySignal(() => keyboard.close());
  keyboard.on("line", (line) => {
    if (settle) answer({ line });
    else ahead.push(line);
  });
  // In raw mode Ctrl-C is a key like any other and sends no signal.
  keyboard.on("SIGINT", () => {
    if (!settle) return editor.onInterrupt?.();
    // The line typed so far is dropped.
    keyboard.write(null, { ctrl: true, name: "e" });
    keyboard.write(null, { ctrl: true, name: "u" });
    stderr.write("\n");
    answer("interrupted");
  });
  keyboard.on("close", () => {
    endWatch();
    hasEnded = true;
    answer("ended");
  });
  return editor;
}
