import { AppError } from "../../../errors.ts";
import { AuthorizationNeeded } from "../../../mcp/oauth/authorized-outbound.ts";
import { McpFailure, RpcError } from "../../../mcp/rpc-error.ts";
import type { McpCondition } from "../../core/store/mcp-status.ts";
import { lastWords } from "./last-words.ts";

/** A reason why a server does not start, which only a person can remove. Calls fail with it at once. */
export class StartProblem extends Error {
  readonly type: string;

  /** @param type one word for the condition: `SecretMissing` */
  constructor(type: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "StartProblem";
    this.type = type;
  }
}

/** A failed start, in words for people. */
export interface StartFailure extends McpCondition {
  /** True if only a person can do something about it. */
  isFinal: boolean;
}

/**
 * Describes the failure of a start or of a connection.
 *
 * @param lastLines the last lines that the program wrote to stderr, without secrets
 */
export function startFailure(error: unknown, lastLines: readonly string[]): StartFailure {
  if (error instanceof StartProblem) return { type: error.type, message: error.message, isFinal: true };
  if (error instanceof AppError) {
    const isFinal = ["not_supported", "invalid_request"].includes(error.code);
    const message = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
    return { type: isFinal ? "CannotStart" : "StartFailed", message, isFinal };
  }
  if (error instanceof AuthorizationNeeded)
    return { type: "NeedsAuthorization", message: shown(error.message), isFinal: true };
  if (error instanceof McpFailure && (error.status === 401 || error.status === 403))
    return {
      type: "Unauthorized",
      message: `the server refuses the credentials with status ${error.status}; check the secret in its headers`,
      isFinal: true,
    };
  const words = lastWords(lastLines);
  const said = words.length > 0 ? `; its last lines: ${words.join(" | ")}` : "";
  const isAnswer = error instanceof McpFailure || error instanceof RpcError;
  const reason = isAnswer ? shown(error.message) : "it cannot be started";
  return { type: "StartFailed", message: `${reason}${said}`, isFinal: false };
}

/** Texts of servers are shown to people, so they are short and move no cursor. */
export function shown(text: string): string {
  const plain = text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, " ").trim();
  return plain.length > 500 ? `${plain.slice(0, 500)}…` : plain;
}
