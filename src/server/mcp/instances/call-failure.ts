import { AppError } from "../../../errors.ts";
import { AuthorizationNeeded } from "../../../mcp/oauth/authorized-outbound.ts";
import type { McpFailure } from "../../../mcp/rpc-error.ts";
import { hasUserKeys } from "../../core/catalogue/user-keys.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import { shown } from "./start-problem.ts";

/** The log of an instance, as far as errors use it. */
interface SafeLog {
  readonly lastLines: readonly string[];
  /** Returns a text without the values of secrets. */
  redacted: (text: string) => string;
}

/**
 * Returns the error of a call that got no answer: one, for people, that says if the call may have been carried out.
 *
 * @param ending the way in which the program of the server ended, such as by a limit
 */
export function callFailure(
  failure: McpFailure,
  { name, spec }: McpServerRow,
  { lastLines, redacted }: SafeLog,
  ending?: Error,
): AppError {
  const { kind, status } = failure;
  // A server can repeat what it was sent.
  const message = redacted(failure.message);
  const server = `MCP server ${name}`;
  if (failure instanceof AuthorizationNeeded)
    return new AppError("provider_rejected_credential", `${server} is not authorized: ${shown(message)}`, {
      hint: `mcpctl authorize server ${name}`,
    });
  if (kind === "cancelled")
    return new AppError("client_closed_request", `the call to ${server} was cancelled`);
  if (kind === "timeout")
    return new AppError(
      "provider_timeout",
      `${server} did not answer within callSeconds (${spec.callSeconds} s); the call may have been carried out`,
    );
  if (kind === "closed") {
    const last = lastLines.at(-1);
    const said = last === undefined ? "" : `; its last line: ${shown(last)}`;
    const how = ending ? `; ${shown(ending.message)}` : "";
    return new AppError(
      "provider_error",
      `${server} ended during the call, which may have been carried out and is not repeated${how}${said}`,
    );
  }
  if ((status === 401 || status === 403) && hasUserKeys(spec))
    return new AppError("provider_rejected_credential", `${server} refuses your key`, {
      hint: `mcpctl authorize server ${name}`,
    });
  if (status === 401 || status === 403)
    return new AppError("provider_rejected_credential", `${server} refuses the credentials of mcpctl`);
  const { retryAfter } = failure;
  const wait = retryAfter === undefined ? {} : { retryAfter };
  if (status === 429)
    return new AppError("too_many_requests", `${server} takes no more calls now: ${shown(message)}`, wait);
  if (status === 503)
    return new AppError("unavailable", `${server} is not available: ${shown(message)}`, wait);
  return new AppError("provider_error", `${server}: ${shown(message)}`, wait);
}
