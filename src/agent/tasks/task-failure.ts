import { AppError } from "../../errors.ts";
import { HttpFailure } from "../../net/outbound.ts";
import type { TaskError } from "../../wire/link/tasks.ts";
import { notWokenBecause } from "../providers/wake.ts";

const byFailure = {
  connect: { kind: "connect", message: "the model's server cannot be reached" },
  refused: { kind: "connect", message: "the model's server cannot be reached" },
  timeout: { kind: "timeout", message: "the model's server took too long" },
  closed: { kind: "closed", message: "the model's server closed the connection before its answer was whole" },
  malformed: { kind: "malformed", message: "the model's server answered with something that is not HTTP" },
  cancelled: { kind: "closed", message: "the call was given up" },
  "too-large": { kind: "too-large", message: "the answer of the model's server is too large" },
} as const satisfies Record<HttpFailure["kind"], TaskError>;

/** Why a provider gave no answer, for the caller: without a host, path or command of this machine. */
export function taskErrorOf(failure: unknown): TaskError {
  if (failure instanceof HttpFailure) return byFailure[failure.kind];
  if (failure instanceof AppError && failure.code === "provider_unreachable") return byFailure.connect;
  return { kind: "closed", message: "the agent could not have the call answered" };
}

/** Why a model could not be woken, for whoever waits. */
export function wakeErrorOf(failure: unknown): TaskError {
  if (!(failure instanceof AppError)) return { kind: "wake", message: "the model could not be woken" };
  const { retryAfter } = failure;
  // The server names the llm, and says itself that it was not woken.
  const message = failure.message.replace(notWokenBecause, "");
  return { kind: "wake", message, ...(retryAfter !== undefined && { retryAfter }) };
}
