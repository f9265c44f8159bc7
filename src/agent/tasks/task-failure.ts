import { AppError } from "../../errors.ts";
import { HttpFailure } from "../../net/outbound.ts";
import { systemReason } from "../../system-errors.ts";
import type { TaskError } from "../../wire/link/tasks.ts";
import { notWokenBecause } from "../providers/wake.ts";

const byFailure = {
  connect: { kind: "connect", message: "the model's server cannot be reached" },
  refused: { kind: "connect", message: "the model's server cannot be reached" },
  timeout: { kind: "timeout", message: "the model's server took too long" },
  closed: {
    kind: "closed",
    message: "the model's server closed the connection before its response was complete",
  },
  malformed: { kind: "malformed", message: "the response of the model's server is not HTTP" },
  cancelled: { kind: "closed", message: "the call was cancelled" },
  "too-large": { kind: "too-large", message: "the response of the model's server is too large" },
} as const satisfies Record<HttpFailure["kind"], TaskError>;

/** Returns the error of a failed call, for the caller. It names no host, path or command of this machine. */
export function taskErrorOf(failure: unknown): TaskError {
  if (failure instanceof HttpFailure) return withReason(byFailure[failure.kind], failure);
  if (failure instanceof AppError && failure.code === "provider_unreachable") return byFailure.connect;
  return { kind: "closed", message: "the agent could not get a response" };
}

/** Adds the class of the reason, such as a refused connection. */
function withReason(error: TaskError, failure: HttpFailure): TaskError {
  const reason = failure.kind === "connect" ? systemReason(failure) : undefined;
  return reason ? { ...error, message: `${error.message}: ${reason.text}` } : error;
}

/** Returns the error of a failed wake, for the callers that wait. */
export function wakeErrorOf(failure: unknown): TaskError {
  if (!(failure instanceof AppError)) return { kind: "wake", message: "the model could not be woken" };
  const { retryAfter } = failure;
  // The server adds the llm's name, and that it could not be woken.
  const message = failure.message.replace(notWokenBecause, "");
  return { kind: "wake", message, ...(retryAfter !== undefined && { retryAfter }) };
}
