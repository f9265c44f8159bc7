import { type ConsolaInstance, createConsola } from "consola";
import { redact } from "./inference/failure.ts";

/** What the server says about itself. Everything goes to stderr: stdout is for data. */
export type Log = Pick<ConsolaInstance, "info" | "warn" | "error" | "success">;

export function createLog(stderr: NodeJS.WriteStream): Log {
  // Whoever reads the log may leave: an error that nobody listens for would end the server.
  stderr.on("error", () => {});
  return createConsola({ stdout: stderr, stderr, level: 3, formatOptions: { date: false } });
}

/** An error for the log: with its causes, without anything that looks like a key (T22, T27, T28). */
export function describeError(error: unknown): string {
  const lines: string[] = [];
  for (let cause = error, depth = 0; cause !== undefined && depth < 4; depth++) {
    lines.push(cause instanceof Error ? traceOf(cause) : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return redact(lines.join("\ncaused by: "), undefined);
}

/** Bun leaves the message out of the stack of an error that it throws itself. */
function traceOf({ name, message, stack = "" }: Error): string {
  return stack.includes(message) ? stack : `${name}: ${message}\n${stack}`;
}
