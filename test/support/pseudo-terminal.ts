import { Terminal as Emulator } from "@xterm/headless";

/** A pseudo-terminal with an emulator on it, which shows what a person would see. */
export interface Pty {
  /** The screen: its rows without the spaces at their ends. */
  screen(): string[];
  /** Everything that was written to it. */
  output(): string;
  /** Types a text, or keys as a terminal sends them. */
  type(text: string): void;
  resize(columns: number, rows: number): void;
  /** Returns the screen when it has a text. */
  shows(text: string | RegExp): Promise<string[]>;
  /** Returns the screen when it has a text no more. */
  hides(text: string): Promise<string[]>;
  /** Starts a program in it. */
  start(words: readonly string[], env: Record<string, string>): PtyProgram;
  /** The modes of the terminal that a program could leave changed: the lines of `stty`, and those of the emulator. */
  modes(): Promise<object>;
}

export interface PtyProgram {
  pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Its exit code, or the signal that ended it. */
  ended: Promise<number | string>;
}

/** Keys as terminals send them. */
export const keys = {
  up: "\u001b[A",
  down: "\u001b[B",
  right: "\u001b[C",
  left: "\u001b[D",
  pageDown: "\u001b[6~",
  end: "\u001b[F",
  enter: "\r",
  escape: "\u001b",
  tab: "\t",
  backspace: "\u007f",
  interrupt: "\u0003",
  ctrl: (letter: string) => String.fromCharCode(letter.charCodeAt(0) - 96),
} as const;

/** The marks around what is drawn together. */
const frameBegin = "\u001b[?2026h";
const frameEnd = "\u001b[?2026l";

/** Milliseconds that a screen has to show something. */
const patience = 30_000;

/** One character of the screen, with the style in which it is drawn. */
export interface Cell {
  text: string;
  /** A colour of the palette, from 0 to 255; undefined for the usual one. */
  color?: number;
  isBold: boolean;
  isDim: boolean;
  isInverse: boolean;
}

/** A pseudo-terminal that is closed by hand. */
export interface OpenPty extends Pty {
  /** The characters of the screen, row by row. */
  cells(): Cell[][];
  /** Returns when all that has come is drawn. */
  settled(): Promise<void>;
  /** Kills what runs in it, and closes it. */
  close(): Promise<void>;
}

/** Opens a pseudo-terminal. */
export function createPty(columns = 80, rows = 24): OpenPty {
  const emulator = new Emulator({ cols: columns, rows, allowProposedApi: true, scrollback: 100 });
  let output = "";
  /** The latest screen that is no half of a frame. */
  let screen = Array<string>(rows).fill("");
  const looks = new Set<() => void>();
  const terminal = new Bun.Terminal({
    cols: columns,
    rows,
    data(_, bytes) {
      // The emulator reads later, and the next bytes may come into the same memory.
      const copy = Buffer.from(bytes);
      output += copy.toString();
      const end = output.length;
      emulator.write(copy, () => {
        // A program marks its frames; what is between the marks is half of one.
        if (output.lastIndexOf(frameBegin, end - 1) > output.lastIndexOf(frameEnd, end - 1)) return;
        screen = shownRows();
        for (const look of [...looks]) look();
      });
    },
  });
  // The emulator's answers to questions of a program.
  emulator.onData((text) => terminal.write(text));
  const running = new Set<Bun.Subprocess>();
  const close = async () => {
    for (const one of running) one.kill("SIGKILL");
    await Promise.all([...running].map((one) => one.exited));
    terminal.close();
    emulator.dispose();
  };
  const cells = () => {
    const { active } = emulator.buffer;
    return Array.from({ length: emulator.rows }, (_, row): Cell[] => {
      const line = active.getLine(active.viewportY + row);
      return Array.from({ length: emulator.cols }, (_, column): Cell => {
        const cell = line?.getCell(column);
        return {
          text: cell?.getChars() || " ",
          ...(cell?.isFgPalette() && { color: cell.getFgColor() }),
          isBold: Boolean(cell?.isBold()),
          isDim: Boolean(cell?.isDim()),
          isInverse: Boolean(cell?.isInverse()),
        };
      });
    });
  };
  const shownRows = () => {
    const { active } = emulator.buffer;
    return Array.from(
      { length: emulator.rows },
      (_, row) => active.getLine(active.viewportY + row)?.translateToString(true) ?? "",
    );
  };
  const until = (holds: (text: string) => boolean, what: string) =>
    new Promise<string[]>((resolve, reject) => {
      const timer = setTimeout(() => {
        looks.delete(look);
        reject(new Error(`${what}, in:\n${screen.join("\n")}`));
      }, patience);
      const look = () => {
        if (!holds(screen.join("\n"))) return;
        clearTimeout(timer);
        looks.delete(look);
        resolve(screen);
      };
      looks.add(look);
      look();
    });
  const start = (words: readonly string[], env: Record<string, string>): PtyProgram => {
    // As the leader of a session it has the terminal: it is told of a new size, and gets Ctrl-C as a signal.
    const child = Bun.spawn(["setsid", "--ctty", ...words], { terminal, env });
    running.add(child);
    const ended = child.exited.then(() => {
      running.delete(child);
      return child.signalCode ?? child.exitCode!;
    });
    return { pid: child.pid, kill: (signal) => child.kill(signal), ended };
  };
  return {
    cells,
    close,
    settled: () => new Promise<void>((resolve) => emulator.write("", resolve)),
    screen: () => screen,
    output: () => output,
    type: (text) => void terminal.write(text),
    resize(newColumns, newRows) {
      emulator.resize(newColumns, newRows);
      terminal.resize(newColumns, newRows);
    },
    shows: (text) =>
      until(
        (shown) => (typeof text === "string" ? shown.includes(text) : text.test(shown)),
        `no ${String(text)}`,
      ),
    hides: (text) => until((shown) => !shown.includes(text), `still ${text}`),
    start,
    async modes() {
      const before = output.length;
      const script = "stty -a; echo end of modes";
      await start(["sh", "-c", script], { PATH: process.env["PATH"] ?? "/usr/bin:/bin" }).ended;
      // The program has ended, and its output may still be on its way, in parts.
      while (!output.slice(before).includes("end of modes")) await Bun.sleep(5);
      await new Promise<void>((resolve) => emulator.write("", resolve));
      const { wraparoundMode, bracketedPasteMode, mouseTrackingMode } = emulator.modes;
      const core = (emulator as unknown as { _core: { coreService: { isCursorHidden: boolean } } })._core;
      return {
        // Before it may be what an earlier program wrote at its end.
        stty: output.slice(output.lastIndexOf("speed ")),
        screen: emulator.buffer.active.type,
        isCursorHidden: core.coreService.isCursorHidden,
        wraparoundMode,
        bracketedPasteMode,
        mouseTrackingMode,
      };
    },
  };
}
