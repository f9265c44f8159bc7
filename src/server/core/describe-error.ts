import { redact } from "./redact.ts";

/** Returns an error as text for the log: with its causes, and without anything that looks like a key (T22, T27, T28). */
export function describeError(error: unknown): string {
  const lines: string[] = [];
  for (let cause = error, depth = 0; cause !== undefined && depth < 4; depth++) {
    lines.push(cause instanceof Error ? traceOf(cause) : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return redact(lines.join("\ncaused by: "), undefined);
}

/** Returns the stack with the message, which Bun leaves out of the stack of errors that it throws itself. */
function traceOf({ name, message, stack = "" }: Error): string {
  return stack.includes(message) ? stack : `${name}: ${message}\n${stack}`;
}
