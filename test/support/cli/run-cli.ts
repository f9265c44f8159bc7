import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Commands } from "../../../src/cli/core/command.ts";
import { runMain } from "../../../src/cli/core/run.ts";
import { commands as allCommands } from "../../../src/commands.ts";
import { fakeTerminal, type Keys } from "./fake-terminal.ts";

export interface Surroundings {
  /** Where MCPCTL_SERVER points. */
  server?: { url: string };
  env?: Record<string, string>;
  home?: string;
  stdin?: string;
  /** A person is at the terminal, and types these. */
  answers?: string[];
  keys?: Keys;
  columns?: number;
  now?: string;
  signal?: AbortSignal;
  commands?: Commands;
}

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
  /** What was prompts. */
  prompts: string[];
  home: string;
  /** What a conversation was given for its history. */
  history: string[];
}

/** A folder for `MCPCTL_HOME` that nobody else has. */
export function newHome(): string {
  return mkdtempSync(join(tmpdir(), "mcpctl-home-"));
}

/** Runs a command line as `main.ts` would, and returns what a person would have seen. */
export async function cli(line: string | readonly string[], around: Surroundings = {}): Promise<Outcome> {
  const { server, env, home = newHome(), stdin, answers, columns, now = "2026-11-21T12:00:00Z" } = around;
  const screen = fakeTerminal({
    ...(stdin !== undefined && { stdin }),
    ...(answers && { answers }),
    ...(around.keys && { keys: around.keys }),
  });
  if (columns !== undefined) screen.columns = columns;
  const code = await runMain(typeof line === "string" ? words(line) : line, around.commands ?? allCommands, {
    terminal: screen,
    env: { MCPCTL_HOME: home, NO_COLOR: "1", ...(server && { MCPCTL_SERVER: server.url }), ...env },
    cwd: home,
    signal: around.signal ?? new AbortController().signal,
    now: () => Date.parse(now),
  });
  return {
    code,
    stdout: screen.stdout,
    stderr: screen.stderr,
    prompts: screen.prompts,
    history: screen.history,
    home,
  };
}

function words(line: string): string[] {
  return line.split(" ").filter((word) => word !== "");
}
