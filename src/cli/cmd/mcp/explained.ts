import { AppError, type ErrorCode } from "../../../errors.ts";
import { McpFailure, RpcError } from "../../../mcp/rpc-error.ts";

/** Returns a failure of the connection as a user understands it. Rethrows a defect. */
export function explained(error: unknown, project: string | undefined, signal: AbortSignal): AppError {
  if (signal.aborted && (signal.reason as { name?: string }).name === "TimeoutError")
    return new AppError("timed_out", "the test took longer than --timeout", { cause: error });
  if (error instanceof AppError) {
    if (project !== undefined || error.code !== "connection_failed") return error;
    // The hint is about mcpctl's own server.
    return new AppError("connection_failed", error.message, { cause: error.cause });
  }
  if (error instanceof RpcError) {
    const message = `the server refuses to be greeted: ${error.message} (${error.code})`;
    return new AppError("connection_failed", message, { cause: error });
  }
  if (!(error instanceof McpFailure)) throw error;
  const { kind, status } = error;
  const message = `${project === undefined ? "" : `project "${project}": `}${error.message}`;
  const failure = (code: ErrorCode, hint?: string) =>
    new AppError(code, message, { cause: error, ...(hint !== undefined && { hint }) });
  if (status === 401)
    return failure(
      "unauthenticated",
      project ? "log in with: mcpctl login" : "the server wants a token: --token-file FILE",
    );
  if (status === 403)
    return failure("forbidden", project && `to see the rule: mcpctl auth can-i run projects/${project}`);
  if (status === 404)
    return failure("not_found", project ? "to see the projects: mcpctl get projects" : "is the path right?");
  if (kind === "timeout") return failure("timed_out");
  return failure(kind === "cancelled" ? "interrupted" : "connection_failed");
}
