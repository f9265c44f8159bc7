import { AppError } from "../../../errors.ts";
import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { retryAfterSeconds } from "../../../time.ts";
import type { McpCallFailure } from "../../../wire/link/mcp-calls.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";

/** The answer of a workstation to a call. */
export type ServerAnswer =
  | { result: JsonObject }
  | { error: RpcError }
  | { failureOf(server: McpServerRow): Error };

/** Returns the answer in a line of a response; undefined if it is another message. */
export function answerIn(line: JsonObject): ServerAnswer | undefined {
  if (line["jsonrpc"] !== undefined) return undefined;
  const { result, error, failure } = line;
  if (isObject(result)) return { result };
  if (isObject(error)) {
    const { code, message, data } = error;
    if (!Number.isSafeInteger(code) || typeof message !== "string") return undefined;
    return { error: new RpcError(code as number, message, data) };
  }
  if (typeof failure !== "string") return undefined;
  const retryAfter = retryAfterSeconds(line["retryAfter"]);
  return { failureOf: (server) => failed(failure, server, retryAfter) };
}

/** Returns the error for a call that its workstation could not make. No text of the workstation is in it (T183). */
function failed(failure: string, { name, spec }: McpServerRow, retryAfter: number | undefined): Error {
  const server = `MCP server "${name}"`;
  switch (failure as McpCallFailure) {
    case "start":
      return new AppError(
        "unavailable",
        `${server} does not start on its workstation; the log of mcpctl agent there says why`,
        { retryAfter: retryAfter ?? 5 },
      );
    case "timeout":
      return new AppError(
        "provider_timeout",
        `${server} did not answer within callSeconds (${spec.callSeconds} s); the call may have been carried out`,
      );
    case "malformed":
      return new AppError("provider_error", `the answer of ${server} is not MCP, or is too large`);
    case "refused":
      return new RpcError(rpcCodes.methodNotFound, `the workstation of ${server} does not pass this on`);
    default:
      return new AppError(
        "provider_error",
        `${server} ended during the call, which may have been carried out and is not repeated`,
      );
  }
}
