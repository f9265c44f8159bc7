import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Commands } from "../../../src/cli/core/command.ts";
import { runMain } from "../../../src/cli/core/run.ts";
import { commands as allCommands } from "../../../src/commands.ts";
import { fakeTerminal, type Keys } from "./fake-terminal.ts";

export interface CliOptions {
  /** The server that MCPCTL_SERVER names. */
  server?: { url: string };
  env?: Record<string, string>;
  home?: string;
  stdin?: string;
  /** The terminal is interactive, and these lines are typed. */
  answers?: string[];
  keys?: Keys;
  columns?: number;
  now?: string;
  signal?: AbortSignal;
  /** Is called with all of standard output so far whenever there is more. */
  onOutput?(stdout: string): void;
  commands?: Commands;
  fetch?: typeof fetch;
}

export interface CliResult {
  code: number;
  stdout: string;
  /** Without the lines of progress that a slow machine shows, and that erase themselves. */
  stderr: string;
  /** The lines of progress, too. */
  shown: string;
  /** The questions that were asked. */
  prompts: string[];
  home: string;
  /** The history that a conversation was given. */
  history: string[];
}

/** A new folder for `MCPCTL_HOME`. */
export function newHome(): string {
  return mkdtempSync(join(tmpdir(), "mcpctl-home-"));
}

/** Runs a command line like `main.ts`, and returns its output. */
export async function cli(line: string | readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { server, env, home = newHome(), stdin, answers, columns, now = "2026-11-21T12:00:00Z" } = options;
  const screen = fakeTerminal({
    ...(stdin !== undefined && { stdin }),
    ...(answers && { answers }),
    ...(options.keys && { keys: options.keys }),
    ...(options.onOutput && { onOutput: options.onOutput }),
  });
  if (columns !== undefined) screen.columns = columns;
  const code = await runMain(typeof line === "string" ? words(line) : line, options.commands ?? allCommands, {
    terminal: screen,
    env: { MCPCTL_HOME: home, NO_COLOR: "1", ...(server && { MCPCTL_SERVER: server.url }), ...env },
    cwd: home,
    signal: options.signal ?? new AbortController().signal,
    ...(options.fetch && { fetch: options.fetch }),
    now: () => Date.parse(now),
  });
  return {
    code,
    stdout: screen.stdout,
    stderr: screen.stderr.replace(/\r[^\n]*\r/g, ""),
    shown: screen.stderr,
    prompts: screen.prompts,
    history: screen.history,
    home,
  };
}

function words(line: string): string[] {
  return line.split(" ").filter((word) => word !== "");
}
