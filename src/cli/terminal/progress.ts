import type { Terminal } from "./terminal.ts";

/** Runs something once, later, and returns what calls it off. */
export type Later = (milliseconds: number, act: () => void) => () => void;

/** The clock's own. */
export const later: Later = (milliseconds, act) => {
  const timer = setTimeout(act, milliseconds);
  return () => clearTimeout(timer);
};

/** A line that says how far something is. */
export interface Progress {
  /** What the line says from now on. */
  show(text: string): void;
  /** Takes the line away; the next `show` brings it back. Called before anything else is written to the terminal. */
  erase(): void;
  /** Takes the line away for good. */
  end(): void;
}

/** Milliseconds after which a person begins to wonder. */
const patience = 1000;

/**
 * Progress on stderr: one line, rewritten in its place, and only on a terminal once it has taken over a second. With
 * `-v` there is none: every call is told on a line of its own.
 *
 * @param after how waiting is done; a test does it by hand
 */
export function progressOn(
  { terminal, flags }: { terminal: Terminal; flags: { verbose: boolean } },
  after: Later = later,
): Progress {
  let text = "";
  let drawn = 0;
  let due = false;
  const erase = () => {
    if (drawn > 0) terminal.err(`\r${" ".repeat(drawn)}\r`);
    drawn = 0;
  };
  const draw = () => {
    if (!due) return;
    // A line that breaks at the edge cannot be rewritten.
    const line = text.slice(0, (terminal.columns ?? 80) - 1);
    terminal.err(`\r${line.padEnd(drawn)}`);
    drawn = Math.max(drawn, line.length);
  };
  const wanted = terminal.errIsTerminal && !flags.verbose;
  const callOff = wanted
    ? after(patience, () => {
        due = true;
        if (text !== "") draw();
      })
    : () => {};
  return {
    show(next) {
      if (next === text && drawn > 0) return;
      text = next;
      draw();
    },
    erase,
    end() {
      callOff();
      due = false;
      erase();
    },
  };
}
