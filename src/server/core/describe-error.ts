import { AppError } from "../../errors.ts";
import { systemReason } from "../../system-errors.ts";
import { redact } from "./redact.ts";
import { StoreError } from "./store/types.ts";

/**
 * Returns an error as text for the log: with its causes, and without anything that looks like a key (T22, T27, T28). Only a
 * defect has a stack: an ordinary failure, such as a database that does not answer, is one line.
 */
export function describeError(error: unknown): string {
  const texts: string[] = [];
  const isOrdinary = isOrdinaryFailure(error);
  for (let cause = error, depth = 0; cause !== undefined && depth < 4; depth++) {
    texts.push(cause instanceof Error ? (isOrdinary ? messageOf(cause) : traceOf(cause)) : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  const joined = isOrdinary ? [...new Set(texts)].join(": ") : texts.join("\ncaused by: ");
  return redact(joined, undefined);
}

/** True for a failure that the server expects: one of its own errors, or one of the system or the network. */
function isOrdinaryFailure(error: unknown): boolean {
  if (error instanceof AppError) return error.code !== "internal";
  return error instanceof StoreError || systemReason(error) !== undefined;
}

/** Returns a message in one line, with the reason of the system where the error has a known code. */
function messageOf(error: Error): string {
  const code = (error as { code?: unknown }).code;
  const reason = typeof code === "string" ? systemReason({ code })?.text : undefined;
  const message = error.message.replace(/\s+/g, " ");
  return reason === undefined ? message : `${message} (${code}: ${reason})`;
}

/** Returns the stack with the message, which Bun leaves out of the stack of errors that it throws itself. */
function traceOf({ name, message, stack = "" }: Error): string {
  return stack.includes(message) ? stack : `${name}: ${message}\n${stack}`;
}
