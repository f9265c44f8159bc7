import { AppError } from "../../errors.ts";
import { systemReason } from "../../system-errors.ts";
import { escapeLine } from "../../wire/text.ts";
import { paint } from "../terminal/paint.ts";
import type { Terminal } from "../terminal/terminal.ts";

/**
 * Writes an error to stderr: the sentence, the single faults, and a hint. Nothing else writes errors.
 *
 * @returns the exit code
 */
export function reportFailure(error: unknown, terminal: Terminal, verbose: boolean): number {
  const red = (text: string) => paint(terminal.errColor, "red", text);
  if (!(error instanceof AppError)) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    const refused = refusedBySystem(error);
    terminal.err(`${red("error:")} ${escapeLine(refused?.message ?? message)}\n`);
    if (verbose && stack !== undefined) terminal.err(`${stack}\n`);
    else if (refused === undefined)
      terminal.err("  This is a defect of mcpctl. Run it again with -v to see where it happened.\n");
    else if (refused.hint !== undefined)
      terminal.err(`${paint(terminal.errColor, "dim", "hint:")} ${refused.hint}\n`);
    return 1;
  }
  if (error.code === "interrupted") return error.exitCode;
  const lines = [`${red("error:")} ${escapeLine(error.message)}`];
  const { details = [] } = error;
  // A single fault is often in the sentence already.
  const isSaid = details.length === 1 && error.message.includes(details[0]!.message);
  for (const { path, message } of isSaid ? [] : details)
    lines.push(`  ${escapeLine(path === "" ? message : `${path}: ${message}`)}`);
  if (error.hint !== undefined)
    lines.push(`${paint(terminal.errColor, "dim", "hint:")} ${escapeLine(error.hint)}`);
  const requestId = requestIdOf(error);
  if (requestId !== undefined)
    lines.push(`${paint(terminal.errColor, "dim", "request:")} ${escapeLine(requestId)}`);
  if (verbose && error.cause instanceof Error) lines.push(`cause: ${escapeLine(String(error.cause))}`);
  terminal.err(`${lines.join("\n")}\n`);
  return error.exitCode;
}

/** Returns the id of the request that a server refused, from an error or the nearest of its causes that has one. */
function requestIdOf(error: unknown, depth = 0): string | undefined {
  if (!(error instanceof AppError) || depth > 4) return undefined;
  return error.requestId ?? requestIdOf(error.cause, depth + 1);
}

/** Returns the words for an error of the operating system, such as a file that cannot be written. */
function refusedBySystem(error: unknown): { message: string; hint?: string } | undefined {
  const reason = systemReason(error);
  const { syscall, path } = error as { syscall?: unknown; path?: unknown };
  if (reason === undefined || typeof syscall !== "string") return undefined;
  const what = typeof path === "string" ? `${syscall} ${path}` : syscall;
  const message = `cannot ${what}: ${reason.text} (${reason.code})`;
  return { message, ...(reason.hint !== undefined && { hint: reason.hint }) };
}

/** Writes a warning to stderr. The command continues, and stdout is not touched. */
export function warn(terminal: Terminal, text: string): void {
  terminal.err(`${paint(terminal.errColor, "yellow", "warning:")} ${escapeLine(text)}\n`);
}
