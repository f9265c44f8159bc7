/** The input and output of a process. Verbs never see it: they write to the `Terminal` around it. */
export interface TerminalDevice {
  /** Writes to stdout as it is. */
  out(text: string): void;
  /** Writes to stderr as it is. */
  err(text: string): void;
  /** Writes bytes to stdout, which must be no terminal, and resolves when they have been taken. */
  bytes(piece: Uint8Array): Promise<void>;
  /** Resolves when everything written has been taken. A verb that prints without end awaits it. */
  drain(): Promise<void>;
  /** Reads standard input to its end, as it is. Throws AppError `usage` if it is not UTF-8. */
  readStdin(): Promise<string>;
  /** Returns standard input as it comes. */
  input(): AsyncIterable<Uint8Array>;
  /** Asks for one line, which is not echoed if `hidden`. Throws AppError `usage` if there is no terminal. */
  prompt(question: string, hidden?: boolean): Promise<string>;
  /** Opens a line editor with a history, the oldest line first. Needs a terminal. */
  lines(history: readonly string[]): Promise<LineEditor>;
  /** True once the reader of stdout has gone (`| head`): further output is dropped. */
  closed: boolean;
  outIsTerminal: boolean;
  errIsTerminal: boolean;
  inIsTerminal: boolean;
  /** Width of stdout in columns; undefined if it is no terminal. */
  columns: number | undefined;
  /** Width of stderr in columns; undefined if it is no terminal. */
  errColumns: number | undefined;
  /** True if stdout is coloured. The runner sets it. */
  color: boolean;
  /** True if stderr is coloured. The runner sets it. */
  errColor: boolean;
}

/**
 * The input and output of a command. Injected, so that tests see exactly what a user sees. Hidden characters and those
 * that a terminal obeys are escaped in all that is written, and styles are those of `paint` (T42).
 */
export interface Terminal extends TerminalDevice {
  /** The user that commands are made as, if not oneself: it stands before each question. */
  actingAs: string | undefined;
  /** Writes result lines, tables and JSON to stdout. A line ends with its own "\n". */
  out(text: string): void;
  /** Writes everything else to stderr: warnings, prompts, errors. Lines end with their own "\n". */
  err(text: string): void;
  /** Writes data that a program reads, such as the text of an answer: into a pipe or a file as it is. */
  data(text: string): void;
  /** Goes to the start of the line on stderr and writes one line over what is there, without a line end. */
  rewrite(text: string): void;
  /**
   * Begins a line on stderr that whatever else uses the terminal ends.
   *
   * @param ended is called before that use, once
   * @returns writes the line over what is there, as `rewrite` does
   */
  momentary(ended: () => void): (text: string) => void;
  /** Ends momentary lines, because another program uses the terminal from now on. */
  handOver(): void;
}

/** The input of a person: a line, Ctrl-C, or Ctrl-D. */
export type Typed = { line: string } | "interrupted" | "ended";

export interface LineEditor {
  read(question: string): Promise<Typed>;
  /** Called on Ctrl-C while nothing is being read. */
  onInterrupt: (() => void) | undefined;
  /** Restores the terminal. */
  close(): void;
}
