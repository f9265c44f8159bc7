import type { EndSignal } from "../../end-signal.ts";
import type { JsonObject, RpcNotification, RpcRequest } from "../../mcp/messages.ts";
import type { Principal } from "../core/access/policy.ts";
import type { McpServerRow } from "../core/store/typed-rows.ts";
import type { Row } from "../core/store/types.ts";

/** The client on whose behalf a server is called. */
export interface McpCaller {
  principal: Principal;
  /** The session of the client, or something else that is the same for all its calls. Servers with `sharing: session` have an instance for each. */
  session: string;
  /** The capabilities that the client declares. A server may ask it for these only. */
  capabilities: JsonObject;
}

/** Reads the values of a secret by their keys. */
export type ReadSecret = (secret: Row) => Promise<Readonly<Record<string, string>>>;

/** One call of a server. */
export interface ServerCall {
  server: McpServerRow;
  caller: McpCaller;
  method: string;
  params: JsonObject;
  /** Headers that repeat arguments, for servers over HTTP. */
  headers?: Readonly<Record<string, string>>;
  signal?: EndSignal;
  /** True if the call may be sent again when an instance dies under it: it only reads, or changes nothing when repeated. */
  mayRepeat: boolean;
  onProgress?(params: JsonObject): void;
  /** Takes log messages and the like that belong to the call. */
  onNotification?(notification: RpcNotification): void;
  /** Answers a request of the server with the client's answer. Throws RpcError if the client cannot. */
  onRequest(request: RpcRequest, signal: EndSignal): Promise<JsonObject>;
}

/** Calls the MCP servers that workstations publish. */
export interface WorkstationCalls extends Pick<McpServers, "call"> {
  /** True if the agent of a server is connected here. */
  reaches(server: McpServerRow): boolean;
}

/** A message that a server sends by itself. */
export interface ServerNotice {
  serverId: string;
  notification: RpcNotification;
  /** The callers whom it concerns: those with the same principal, and the same session. Everybody if it is unset. */
  for?: { principalId: string; session?: string };
}

/** Calls MCP servers, and starts them when they are needed. */
export interface McpServers {
  /**
   * Calls a server and returns its result, with all fields.
   *
   * @throws RpcError with which the server answered, or AppError if there is no answer: `unavailable`, `timeout`, …
   */
  call(call: ServerCall): Promise<JsonObject>;
  /** Calls a function with each message that a server sends by itself. Returns a function that ends this. */
  subscribe(listener: (notice: ServerNotice) => void): () => void;
  /** Ends the instances that a session of a client has of its own. */
  endSession(principalId: string, session: string): void;
}
