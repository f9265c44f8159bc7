import { AppError } from "../../errors.ts";
import { HttpFailure } from "../../net/outbound.ts";
import type { TaskError } from "../../wire/link/tasks.ts";
import { oneLine } from "../../wire/text.ts";
import { redact } from "../core/redact.ts";

/** Seconds after which an llm without an agent is worth another try: agents come back soon or not at all. */
const backSoon = 5;

/** The most of an agent's own words that a caller is told. */
const maxReason = 200;

/**
 * What a call is told that its agent could not have answered. The agent's words are not in it: they may name what is on
 * its machine.
 */
export function taskFailure(llm: string, { kind, retryAfter }: TaskError): Error {
  const unavailable = (what: string) =>
    new AppError("unavailable", `llm "${llm}" ${what}`, { retryAfter: retryAfter ?? backSoon });
  switch (kind) {
    case "connect":
      return new HttpFailure("connect", "the agent could not reach the provider");
    case "closed":
      return new HttpFailure("closed", "the provider closed the connection");
    case "timeout":
      return new HttpFailure("timeout", "the provider did not answer its agent in time");
    case "malformed":
      return new HttpFailure("malformed", "it is not what the provider's type speaks");
    case "too-large":
      return new HttpFailure("too-large", "it is too large");
    case "busy":
      return unavailable("takes no more calls now");
    case "unknown_llm":
      return unavailable("is no longer published");
    case "wake":
      return unavailable("could not be woken");
    case "draining":
      return unavailable("is about to stop");
  }
}

/** Nobody is there to answer for an llm. */
export function noAgent(llm: string): AppError {
  return new AppError("unavailable", `llm "${llm}" is not connected`, { retryAfter: backSoon });
}

/** An agent's reason as callers may read it: short, in one line, without anything that looks like an address, a path or a key. */
export function reasonOf({ message }: Pick<TaskError, "message">): string {
  const plain = oneLine(redact(message.slice(0, 4 * maxReason), undefined), 4 * maxReason)
    .replace(/\S*[/\\@]\S*|\S*\w:\d+\S*|\b\d{1,3}(\.\d{1,3}){3}\b/g, "…")
    .trim();
  return plain.length > maxReason ? `${plain.slice(0, maxReason - 1)}…` : plain;
}
