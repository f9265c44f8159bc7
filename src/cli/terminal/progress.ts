import { escapeLine } from "../../wire/text.ts";
import type { Terminal } from "./terminal.ts";

/** Calls a function once after a delay, and returns a function that cancels the call. */
export type Later = (milliseconds: number, act: () => void) => () => void;

/** A delay by the system's clock. */
export const later: Later = (milliseconds, act) => {
  const timer = setTimeout(act, milliseconds);
  return () => clearTimeout(timer);
};

/** A line that shows how far a task is. */
export interface Progress {
  /** Sets the text of the line. */
  show(text: string): void;
  /** Erases the line until the next `show`. Called before anything else is written to the terminal. */
  erase(): void;
  /** Erases the line for good. */
  end(): void;
}

/** The terminal, and the flags that may turn progress off. */
export interface ProgressContext {
  terminal: Terminal;
  flags: { verbose: boolean; output?: string | undefined };
}

/** Milliseconds before the line appears: quick commands show none. */
const showAfter = 1000;

/**
 * Shows progress on stderr: one line, rewritten in its place, on a terminal only, and after a second. There is none with
 * `-v`, because every request has a line of its own, and with `-o json` or `yaml`, which programs read.
 *
 * @param after the delay; a test passes its own
 */
export function progressOn({ terminal, flags }: ProgressContext, after: Later = later): Progress {
  let text = "";
  let drawn = 0;
  let due = false;
  const erase = () => {
    if (drawn > 0) {
      terminal.rewrite(" ".repeat(drawn));
      terminal.rewrite("");
    }
    drawn = 0;
  };
  const draw = () => {
    if (!due) return;
    // A line that wraps cannot be rewritten. On Ctrl-C, the terminal writes ^C behind it.
    const line = text.slice(0, (terminal.errColumns ?? 80) - 1 - "^C".length);
    terminal.rewrite(line.padEnd(drawn));
    drawn = Math.max(drawn, line.length);
  };
  if (isWanted({ terminal, flags })) terminal.handOver();
  const cancel = isWanted({ terminal, flags })
    ? after(showAfter, () => {
        due = true;
        if (text !== "") draw();
      })
    : () => {};
  return {
    show(next) {
      const line = escapeLine(next);
      if (line === text && drawn > 0) return;
      text = line;
      draw();
    },
    erase,
    end() {
      cancel();
      due = false;
      erase();
    },
  };
}

/**
 * Shows that something is waited for, with the seconds so far: `waiting for claude, 4 s`. Whoever calls it ends it.
 *
 * @param after the delay; a test passes its own
 */
export function waitingOn(context: ProgressContext, text: string, after: Later = later): Progress {
  const progress = progressOn(context, after);
  let seconds = 0;
  let cancel = () => {};
  const tickLater = () => {
    cancel = after(1000, () => {
      seconds++;
      progress.show(`${text}, ${seconds} s`);
      tickLater();
    });
  };
  if (isWanted(context)) tickLater();
  return {
    ...progress,
    end() {
      cancel();
      progress.end();
    },
  };
}

function isWanted({ terminal, flags }: ProgressContext): boolean {
  return terminal.errIsTerminal && !flags.verbose && flags.output !== "json" && flags.output !== "yaml";
}
