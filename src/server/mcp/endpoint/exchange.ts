import type { JsonObject, RpcNotification, RpcRequest } from "../../../mcp/messages.ts";
import type { Era } from "../../../mcp/revisions.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import type { McpCaller } from "../types.ts";

/** One request of a client to the endpoint of a project, in either era. */
export interface ClientExchange {
  requestId: string;
  era: Era;
  project: ProjectRow;
  caller: McpCaller;
  method: string;
  /** Without the envelope of the modern era. */
  params: JsonObject;
  /** Aborts when the client has gone or has cancelled the request. */
  signal: AbortSignal;
  /** Sends a notification that belongs to the request. */
  send(notification: RpcNotification): void;
  /**
   * Asks the client. Only a legacy client can be asked while its request is under way.
   *
   * @throws RpcError if it refuses or cannot be asked
   */
  ask(request: RpcRequest, signal: AbortSignal): Promise<JsonObject>;
}
