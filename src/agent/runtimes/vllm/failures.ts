import { AppError } from "../../../errors.ts";
import { HttpFailure } from "../../../net/outbound.ts";
import type { OutputFile } from "../../../processes/output-file.ts";
import { knownReason } from "./phases.ts";

/** Lines of output that the owner sees. */
const shownLines = 20;

/** Lines of output that are searched for a reason. */
const searchedLines = 200;

/** Adds the reason to what has happened to a vLLM, if its output shows a known one. Callers may see the text. */
export function withReason(what: string, output: OutputFile): string {
  const reason = knownReason(output.lastLines(searchedLines));
  return what + (reason === undefined ? "" : ` (${reason})`);
}

/** Adds the end of the output, and the path of the rest. The text is for the owner only. */
export function withOutput(what: string, output: OutputFile, path: string): string {
  const lines = output.lastLines(shownLines).map((line) => `  ${line}`);
  return lines.length === 0 ? what : `${what}; the end of ${path}:\n${lines.join("\n")}`;
}

/** Returns the error that callers get. It contains no path of this machine. */
export function forCallers(thrown: unknown): AppError {
  if (thrown instanceof AppError && thrown.code === "unavailable") return thrown;
  return new AppError("unavailable", "vLLM cannot be started on its machine", {
    cause: thrown,
    retryAfter: 30,
  });
}

/** Returns the error for callers that waited for a start which was stopped. */
export function brokenOff(): AppError {
  return new AppError("unavailable", "it was stopped while it was waking", { retryAfter: 5 });
}

/** Returns the error for a caller that went away while it waited. */
export function cancelled(): HttpFailure {
  return new HttpFailure("cancelled", "the call was cancelled");
}

/** Returns the message of an error with that of its cause, for the owner's log. */
export function withCause(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  return cause === undefined ? messageOf(thrown) : `${messageOf(thrown)} (${messageOf(cause)})`;
}

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
