import { AppError } from "../../errors.ts";
import { escapeLine } from "../output/escape.ts";
import { paint } from "../output/paint.ts";
import type { Terminal } from "../terminal/terminal.ts";

/**
 * Tells on stderr what went wrong: the sentence, the faults, what to do about it. The only place that does.
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
        : "  This should not happen. With -v it shows where it did.\n",
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

/** A warning: the command goes on, and stdout stays as it is. */
export function warn(terminal: Terminal, text: string): void {
  terminal.err(`${paint(terminal.errColor, "yellow", "warning:")} ${escapeLine(text)}\n`);
}
