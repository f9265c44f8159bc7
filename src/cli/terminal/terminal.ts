/** Where a command reads and writes. Injected, so that tests see exactly what a user would. */
export interface Terminal {
  /** Data and result lines. Written as it is: a line ends with its own "\n". */
  out(text: string): void;
  /** Everything else: warnings, prompts, progress, errors. Lines end with their own "\n". */
  err(text: string): void;
  /** Resolves when everything written has gone out. What prints without end waits for it. */
  drain(): Promise<void>;
  /** Standard input, to its end. */
  readStdin(): Promise<string>;
  /** One line from the terminal, not echoed when `hidden`. Throws AppError `usage` when there is no terminal. */
  prompt(question: string, hidden?: boolean): Promise<string>;
  /** Lines typed by a person, with editing and `history`, the oldest first. Only where there is a terminal. */
  lines(history: readonly string[]): Promise<LineEditor>;
  /** Whoever read stdout has gone (`| head`): the rest is not wanted. */
  closed: boolean;
  outIsTerminal: boolean;
  errIsTerminal: boolean;
  inIsTerminal: boolean;
  /** Width of stdout in columns; undefined off a terminal. */
  columns: number | undefined;
  /** Whether stdout is coloured, and whether stderr is. The runner sets them. */
  color: boolean;
  errColor: boolean;
}

/** What a person types when asked: a line, Ctrl-C, or Ctrl-D. */
export type Typed = { line: string } | "interrupted" | "ended";

export interface LineEditor {
  read(question: string): Promise<Typed>;
  /** Called on Ctrl-C while nothing is being read. */
  onInterrupt: (() => void) | undefined;
  /** Gives the terminal back as it was. */
  close(): void;
}
