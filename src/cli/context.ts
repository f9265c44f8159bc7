import type { ApiClient } from "./client.ts";

/** Where a command reads and writes. Injected, so that tests see exactly what a user would. */
export interface Terminal {
  /** Data and result lines. */
  out(text: string): void;
  /** Everything else: warnings, prompts, progress, errors. */
  err(text: string): void;
  /** Standard input, to its end. */
  readStdin(): Promise<string>;
  /** One line from the terminal, not echoed when `hidden`. Throws AppError `usage` when there is no terminal. */
  prompt(question: string, hidden?: boolean): Promise<string>;
  outIsTerminal: boolean;
  errIsTerminal: boolean;
  inIsTerminal: boolean;
  /** Width of stdout in columns; undefined off a terminal. */
  columns: number | undefined;
  /** Whether stdout is coloured. */
  color: boolean;
}

/** Flags every verb takes, before or after it. */
export interface GlobalFlags {
  output: string | undefined;
  server: string | undefined;
  tokenFile: string | undefined;
  context: string | undefined;
  project: string | undefined;
  /** Milliseconds. */
  timeout: number | undefined;
  verbose: boolean;
}

/** What a command gets besides its own arguments. */
export interface Context {
  terminal: Terminal;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** `~/.mcpctl`, or what MCPCTL_HOME says. */
  home: string;
  flags: GlobalFlags;
  now(): number;
  /** The client for the server these flags, this environment and this config point at. */
  client(): Promise<ApiClient>;
}
