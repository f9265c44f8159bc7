import { AppError } from "../../errors.ts";
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
    terminal.err(`${red("error:")} ${escapeLine(message)}\n`);
    terminal.err(
      verbose && stack !== undefined
        ? `${stack}\n`
        : "  This is a defect of mcpctl. Run it again with -v to see where it happened.\n",
    );
    return 1;
  }
  if (error.code === "interrupted") return error.exitCode;
  const lines = [`${red("error:")} ${escapeLine(error.message)}`];
  for (const { path, message } of error.details ?? [])
    lines.push(`  ${escapeLine(path === "" ? message : `${path}: ${message}`)}`);
  if (error.hint !== undefined)
    lines.push(`${paint(terminal.errColor, "dim", "hint:")} ${escapeLine(error.hint)}`);
  if (verbose && error.cause instanceof Error) lines.push(`cause: ${escapeLine(String(error.cause))}`);
  terminal.err(`${lines.join("\n")}\n`);
  return error.exitCode;
}

/** Writes a warning to stderr. The command continues, and stdout is not touched. */
export function warn(terminal: Terminal, text: string): void {
  terminal.err(`${paint(terminal.errColor, "yellow", "warning:")} ${escapeLine(text)}\n`);
}
