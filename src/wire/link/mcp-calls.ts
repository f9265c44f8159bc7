import { isObject } from "../json.ts";

/**
 * A call of an MCP server of a workstation. Its request goes with the task, as that of a model does. Its response is a
 * whole response of status 200 whose bytes are lines of JSON: notifications and requests of the MCP server in JSON-RPC,
 * and as the last line a `McpAnswer`. The server names an MCP server and a message for it, and never a program.
 */
export interface McpCallRequest {
  method: string;
  params: Record<string, unknown>;
  /** The capabilities of the client on whose behalf the call is made. */
  capabilities: Record<string, unknown>;
  /** Milliseconds in which the MCP server must answer; each progress begins them again. */
  timeoutMs: number;
  /** True if the call may be sent again when the MCP server ends under it. */
  mayRepeat: boolean;
  /** True if the client wants to see progress. */
  wantsProgress: boolean;
  /** The number of mcpctl programs that the call has passed. An older server leaves it out. */
  hops?: number;
}

/** The last line of a response. */
export type McpAnswer =
  | { result: Record<string, unknown> }
  /** The error with which the MCP server answered. */
  | { error: RpcErrorFields }
  | { failure: McpCallFailure; retryAfter?: number };

/** The fields of an error in JSON-RPC. */
export interface RpcErrorFields {
  code: number;
  message: string;
  data?: unknown;
}

/**
 * The reason for which there is no answer. Texts of the workstation are not sent: they may name paths, hosts and
 * commands.
 *
 * - `start`: the MCP server does not start, or cannot be reached; it has not got the call.
 * - `closed`: it ended during the call.
 * - `timeout`: it did not answer in time.
 * - `malformed`: its answer is not MCP, or is too large.
 * - `refused`: the workstation does not pass this method on.
 */
export type McpCallFailure = "start" | "closed" | "timeout" | "malformed" | "refused";

/** The answer of a client to a request of an MCP server, by the id of the request. */
export type QuestionAnswer = { id: string | number } & (
  | { result: Record<string, unknown> }
  | { error: RpcErrorFields }
);

/**
 * The method that follows a resource. Its call lasts until it is cancelled: a first notification says that the MCP server
 * has accepted it, the others are those of the resource, and an empty line says from time to time that the call goes on.
 */
export const listenMethod = "subscriptions/listen";

/** Returns the params with which a resource is followed, as revision 2026-07-28 has them. */
export function listenParams(uri: string): Record<string, unknown> {
  return { notifications: { resourceSubscriptions: [uri] } };
}

/** Returns the resource that params name; undefined if they name none. */
export function followedUri({ notifications }: Record<string, unknown>): string | undefined {
  const uris = isObject(notifications) ? notifications["resourceSubscriptions"] : undefined;
  const [uri] = Array.isArray(uris) ? (uris as unknown[]) : [];
  return typeof uri === "string" ? uri : undefined;
}

/** The methods that are passed on to the MCP servers of workstations. */
export const passedMethods: ReadonlySet<string> = new Set([
  "tools/call",
  "prompts/get",
  "resources/read",
  "completion/complete",
  "tasks/get",
  "tasks/list",
  "tasks/result",
  "tasks/cancel",
  "tasks/update",
  listenMethod,
]);

/** The most bytes of one line of a response. */
export const maxLineBytes = 12 * 1024 * 1024;
