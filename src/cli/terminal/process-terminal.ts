import { fstatSync } from "node:fs";
import { isatty } from "node:tty";
import { AppError } from "../../errors.ts";
import { exactText } from "./exact-text.ts";
import type { TerminalDevice } from "./terminal.ts";

/**
 * The terminal or the pipes that this process was started with. `process.stdout` is not used: setting it up takes
 * longer than a whole `mcpctl get`. A FileSink starts at once and keeps output that a slow reader has not taken yet.
 *
 * @param onClosed called when the reader of stdout has gone
 */
export function processTerminal(signal: AbortSignal, onClosed: () => void): TerminalDevice {
  const outIsTerminal = isatty(1);
  const out = sink(Bun.stdout.writer(), () => {
    terminal.closed = true;
    onClosed();
  });
  // Two queues would mix up what is written to one terminal: a line of progress and the answer after it.
  const err = outIsTerminal && isOneTerminal() ? out : sink(Bun.stderr.writer());
  const terminal: TerminalDevice = {
    out: out.write,
    err: err.write,
    async bytes(piece) {
      out.write(piece);
      await out.drained();
    },
    async drain() {
      await out.drained();
      await err.drained();
    },
    readStdin: async () => exactText(await Bun.stdin.bytes(), "standard input", "usage"),
    input: () => Bun.stdin.stream(),
    async prompt(question, hidden = false) {
      if (!terminal.inIsTerminal)
        throw new AppError("usage", `cannot ask "${question.trim()}": standard input is no terminal`);
      await terminal.drain();
      const { ask } = await import("./prompt.ts");
      return ask(question, hidden, signal);
    },
    async lines(history) {
      const { terminalLines } = await import("./line-editor.ts");
      return terminalLines(history);
    },
    closed: false,
    outIsTerminal,
    errIsTerminal: isatty(2),
    inIsTerminal: isatty(0),
    columns: outIsTerminal ? process.stdout.columns || undefined : undefined,
    errColumns: isatty(2) ? process.stderr.columns || undefined : undefined,
    color: false,
    errColor: false,
  };
  return terminal;
}

/** True if stderr is the terminal that stdout is. */
function isOneTerminal(): boolean {
  return isatty(2) && fstatSync(1).rdev === fstatSync(2).rdev;
}

interface Sink {
  write(data: string | Uint8Array): void;
  drained(): Promise<void>;
}

/**
 * Writes in order: at once while the reader keeps up, and from a queue if it does not. Calls `onClosed` when the reader
 * has gone. `drained` throws any other failure, such as a full disk.
 */
function sink(file: Bun.FileSink, onClosed: () => void = () => {}): Sink {
  let waiting: (string | Uint8Array)[] = [];
  let pumping: Promise<void> | undefined;
  let failure: { code?: string } | undefined;
  const flush = async () => file.flush();
  const pump = async () => {
    while (waiting.length > 0 && !failure) {
      const taken = waiting;
      waiting = [];
      const data =
        taken.length === 1 ? taken[0]! : Buffer.concat(taken.map((piece) => Buffer.from(piece as string)));
      // Both may fail, at once or later. A rejection without a handler would end the process.
      try {
        await Promise.all([file.write(data), flush()]);
      } catch (error) {
        failure = error as { code?: string };
        if (failure.code === "EPIPE") onClosed();
      }
    }
    pumping = undefined;
  };
  return {
    write(data) {
      if (failure || data.length === 0) return;
      waiting.push(data);
      pumping ??= pump();
    },
    async drained() {
      await pumping;
      if (failure && failure.code !== "EPIPE")
        throw new AppError("internal", `cannot write the output: ${failure.code}`, { cause: failure });
    },
  };
}
