import { AppError } from "../../../errors.ts";
import { HttpFailure } from "../../../net/outbound.ts";
import type { OutputFile } from "../../../processes/output-file.ts";
import { knownReason } from "./phases.ts";

/** How many of its last lines the owner is shown. */
const shownLines = 20;

/** How many of its last lines are searched for a reason. */
const searchedLines = 200;

/** What has happened to a vLLM, with the reason where its output tells one that is known: for callers too. */
export function withReason(what: string, output: OutputFile): string {
  const reason = knownReason(output.lastLines(searchedLines));
  return what + (reason === undefined ? "" : ` (${reason})`);
}

/** The same for its owner: with the end of its output, and where the rest is. */
export function withOutput(what: string, output: OutputFile, path: string): string {
  const lines = output.lastLines(shownLines).map((line) => `  ${line}`);
  return lines.length === 0 ? what : `${what}; the end of ${path}:\n${lines.join("\n")}`;
}

/** What callers are told of a failure: nothing of what is where on this machine. */
export function forCallers(thrown: unknown): AppError {
  if (thrown instanceof AppError && thrown.code === "unavailable") return thrown;
  return new AppError("unavailable", "vLLM cannot be started on its machine", {
    cause: thrown,
    retryAfter: 30,
  });
}

/** Who waited for a start that its owner, or the agent's end, has broken off. */
export function brokenOff(): AppError {
  return new AppError("unavailable", "it was stopped while it was waking", { retryAfter: 5 });
}

/** Who waited has gone. */
export function cancelled(): HttpFailure {
  return new HttpFailure("cancelled", "the call was cancelled");
}

/** With what went wrong underneath, for the owner's log. */
export function withCause(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  return cause === undefined ? messageOf(thrown) : `${messageOf(thrown)} (${messageOf(cause)})`;
}

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
