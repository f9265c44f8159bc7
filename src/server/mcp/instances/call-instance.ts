import { AppError } from "../../../errors.ts";
import type { JsonObject } from "../../../mcp/messages.ts";
import { McpFailure, RpcError } from "../../../mcp/rpc-error.ts";
import type { Time } from "../../../time.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { ServerCall } from "../types.ts";
import { callFailure } from "./call-failure.ts";
import type { Instance } from "./instance.ts";

/** The most times that one call is sent: lost sessions, connections that end, and one repetition. */
const maxAttempts = 4;

/** Milliseconds. */
const settleTime = 5000;

/**
 * Sends a call to an instance. It waits for a start, is sent again when it cannot have arrived, and is repeated once where
 * that does no harm.
 *
 * @param row returns the row of the server as it is now
 * @throws RpcError of the server; AppError if there is no answer
 */
export async function callInstance(
  instance: Instance,
  call: ServerCall,
  time: Time,
  row: () => McpServerRow,
): Promise<JsonObject> {
  const { server, caller, method, params, mayRepeat, ...options } = call;
  const { startSeconds, callSeconds } = row().spec;
  const until = time.elapsed() + startSeconds * 1000;
  let wasRepeated = false;
  let wasRemade = false;
  for (let attempt = 1; ; attempt++) {
    let { connection } = instance;
    if (!connection) {
      connection = await instance.ready(until, call.signal);
      checkApproved(row(), method, params);
    }
    try {
      const result = await connection.upstream.request(method, params, {
        ...options,
        timeout: callSeconds * 1000,
        capabilities: caller.capabilities,
      });
      instance.answered();
      return result;
    } catch (error) {
      // An error in the words of a lost session may be that of a tool: a new session shows which.
      const isLost = error instanceof McpFailure && error.kind === "session";
      const answer = isLost && wasRemade ? error.cause : error;
      if (answer instanceof RpcError) {
        instance.answered();
        throw new RpcError(answer.code, instance.log.redacted(answer.message), answer.data);
      }
      if (!(error instanceof McpFailure)) throw error;
      instance.callFailed(connection, error);
      const { kind, isUnsent } = error;
      wasRemade ||= isLost;
      if (attempt < maxAttempts && (kind === "session" || (kind === "closed" && isUnsent))) continue;
      if (kind === "closed" && mayRepeat && !wasRepeated) {
        wasRepeated = true;
        continue;
      }
      // The last lines of a program are read when it has ended.
      if (kind === "closed") await Promise.race([instance.settled(), Bun.sleep(settleTime)]);
      const { log } = instance;
      const safe = { lastLines: log.lastLines, redacted: (text: string) => log.redacted(text) };
      throw callFailure(error, row(), safe, connection.ending?.());
    }
  }
}

/** The server was started for this call and has listed its tools: the tool may not be the one any more that was offered. */
function checkApproved({ name, spec, status }: McpServerRow, method: string, params: JsonObject): void {
  if (method !== "tools/call" || spec.toolChanges !== "approve") return;
  const key = `tool/${String(params["name"])}`;
  if (status.baseline?.[key]?.definition === undefined) return;
  throw new AppError(
    "forbidden",
    `MCP server ${name} has changed the tool ${String(params["name"])}, and nobody has approved that: mcpctl approve server ${name}`,
  );
}
