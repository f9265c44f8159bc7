import { AppError, isErrorCode } from "../../errors.ts";
import type { JsonObject, RpcNotification, RpcRequest } from "../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../mcp/rpc-error.ts";
import { type FailureKind, HttpFailure } from "../../net/http1/http-failure.ts";
import type { PrincipalFacts } from "../core/access/principal-facts.ts";
import type { PartQuery } from "../mcp/content/part-reader.ts";
import type { CacheFilter } from "../mcp/content/result-cache.ts";
import type { NumberedLine } from "../mcp/instances/logs/logs.ts";
import type { ReadLogOptions } from "../mcp/instances/logs/read-log.ts";
import type { ServerNotice } from "../mcp/types.ts";
import type { LinkCall } from "../workstations/virtual-llms.ts";

/** A request of one node to another. */
export type NodeRequest =
  | { is: "call"; call: ForwardedCall }
  | { is: "workstationCall"; call: CallFields }
  | { is: "findWorkstation"; rowId: string }
  | { is: "infer"; call: InferFields }
  | { is: "wake"; llmId: string }
  | { is: "endSession"; principalId: string; session: string }
  | { is: "readLogs"; serverId: string; instance?: number; options: ReadLogOptions }
  | { is: "followLogs"; serverId: string; instance?: number }
  | { is: "readPart"; query: PartQuery }
  | { is: "listCache" | "clearCache"; filter: CacheFilter }
  | { is: "client"; request: ForwardedRequest };

/** A call of an MCP server, as one node hands it on to another. */
export interface CallFields {
  serverId: string;
  caller: { id: string; userId: string; session: string; capabilities: JsonObject };
  method: string;
  params: JsonObject;
  headers?: Readonly<Record<string, string>>;
  mayRepeat: boolean;
  wantsProgress: boolean;
}

/** A call of a virtual llm, as one node hands it on to another. Rights, limits and usage stay where it came in. */
export interface InferFields extends Pick<LinkCall, "operation" | "streaming" | "timeouts" | "hops"> {
  llmId: string;
  /** The beginning of the body. The node that is asked asks for the rest. */
  text: string;
  /** The length of the whole body, in characters. */
  length: number;
}

/** A call of an instance that belongs to the other node. */
export interface ForwardedCall extends CallFields {
  slot: string;
  /** Of the lease that the sender knows. An instance that has another one by now is not called (failure mode 170). */
  epoch: number;
}

/** A request of an MCP client, as one node hands it on to another. It has no bearer: that was checked where it came in. */
export interface ForwardedRequest {
  principal: PrincipalFacts;
  projectId: string;
  requestId: string;
  method: string;
  url: string;
  headers: [name: string, value: string][];
  /** The body in base64: quotes in it would take two bytes, and a frame has a limit. */
  body: string;
}

/** Something that happens while a request is carried out. */
export type NodeEvent =
  | { progress: JsonObject }
  | { notification: RpcNotification }
  | { line: NumberedLine }
  | { head: { status: number; headers: [name: string, value: string][]; hasBody: boolean } }
  | { body: string }
  /** A part of the response of an llm, in base64. */
  | { bytes: string };

/** A message of the node that asks. */
export type AskingMessage =
  | { op: "request"; id: number; request: NodeRequest }
  | { op: "cancel"; id: number }
  | { op: "answer"; id: number; question: number; result?: JsonObject; error?: LinkError }
  | { op: "ping" };

/** A message of the node that is asked. */
export type AskedMessage =
  | { op: "result"; id: number; result: JsonObject }
  | { op: "failed"; id: number; error: LinkError }
  | { op: "event"; id: number; event: NodeEvent }
  | { op: "ask"; id: number; question: number; request: RpcRequest }
  | { op: "withdraw"; id: number; question: number }
  | { op: "notice"; notice: ServerNotice }
  | { op: "pong" }
  /** It stops. All that it has carried out is answered, and it carries out nothing more. */
  | { op: "leaving" };

/** An error as a link carries it. */
export type LinkError =
  | { is: "rpc"; code: number; message: string; data?: unknown }
  | { is: "app"; code: string; message: string; hint?: string; retryAfter?: number }
  | { is: "http"; kind: FailureKind; message: string }
  | { is: "moved" };

/** The instance does not belong to the node that was asked. Nothing was done. */
export class InstanceMoved extends Error {
  constructor() {
    super("the instance belongs to another node");
    this.name = "InstanceMoved";
  }
}

/** The link to a node has ended before its answer. */
export class LinkLost extends Error {
  /** True if the node has not carried the request out. */
  readonly isUnsent: boolean;

  constructor(isUnsent: boolean, cause?: unknown) {
    super("the connection to another server of mcpctl has ended", { cause });
    this.name = "LinkLost";
    this.isUnsent = isUnsent;
  }
}

/** Returns an error for the other node. A defect is not described to it. */
export function encodeError(error: unknown): LinkError {
  if (error instanceof InstanceMoved) return { is: "moved" };
  if (error instanceof RpcError) return { is: "rpc", ...error.toJSON() };
  if (error instanceof HttpFailure) return { is: "http", kind: error.kind, message: error.message };
  if (!(error instanceof AppError))
    return { is: "app", code: "internal", message: "something went wrong in another server of mcpctl" };
  const { code, message, hint, retryAfter } = error;
  return {
    is: "app",
    code,
    message,
    ...(hint !== undefined && { hint }),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}

export function decodeError(error: LinkError): Error {
  if (error.is === "moved") return new InstanceMoved();
  if (error.is === "rpc") return new RpcError(error.code, error.message, error.data);
  if (error.is === "http") return new HttpFailure(error.kind, error.message);
  const { code, message, hint, retryAfter } = error;
  return new AppError(isErrorCode(code) ? code : "internal", message, {
    ...(hint !== undefined && { hint }),
    ...(retryAfter !== undefined && { retryAfter }),
  });
}

/** Returns the error for a question that its client cannot be asked. */
export function unanswered(): RpcError {
  return new RpcError(rpcCodes.internalError, "the client cannot be asked any more");
}
