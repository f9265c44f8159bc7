import { AppError } from "../../errors.ts";
import { HttpFailure } from "../../net/outbound.ts";
import type { InferTask, McpTask, TaskError } from "../../wire/link/tasks.ts";
import { oneLine } from "../../wire/text.ts";
import { redact } from "../core/redact.ts";

/** Seconds after which a caller may try an llm without an agent again. */
const retrySeconds = 5;

/** The largest number of characters of an agent's message in an error for a caller. */
const maxReason = 200;

/** The work of a call: the fields of its task that do not change from one offer to the next. */
export type CallWork =
  | Pick<InferTask, "kind" | "llmName" | "operation" | "streaming" | "hops">
  | Pick<McpTask, "kind" | "serverName">;

/** Returns the name of what is called, as errors name it: `llm "qwen"`. */
export function subjectOf(work: CallWork): string {
  return work.kind === "mcp" ? `MCP server "${work.serverName}"` : llmSubject(work.llmName);
}

export function llmSubject(name: string): string {
  return `llm "${name}"`;
}

/**
 * Returns the error of a call for which its agent has no response. The agent's message is not in it: it may name hosts,
 * paths or commands of its machine.
 */
export function taskFailure(subject: string, { kind, retryAfter }: TaskError): Error {
  const unavailable = (what: string) =>
    new AppError("unavailable", `${subject} ${what}`, { retryAfter: retryAfter ?? retrySeconds });
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

/** Returns the error for an llm or MCP server whose agent is not connected. */
export function noAgent(subject: string): AppError {
  return new AppError("unavailable", `${subject} is not connected`, { retryAfter: retrySeconds });
}

/**
 * Returns the message of an agent for callers: one short line, without anything that looks like an address, a path or a
 * key.
 */
export function reasonOf({ message }: Pick<TaskError, "message">): string {
  const plain = oneLine(redact(message.slice(0, 4 * maxReason), undefined), 4 * maxReason)
    .replace(/\S*[/\\@]\S*|\S*\w:\d+\S*|\b\d{1,3}(\.\d{1,3}){3}\b/g, "…")
    .trim();
  return plain.length > maxReason ? `${plain.slice(0, maxReason - 1)}…` : plain;
}
