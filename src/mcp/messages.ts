import { isExactInteger } from "../wire/exact-json.ts";

/** An object of JSON whose fields are not known. */
export type JsonObject = Record<string, unknown>;

/** The id of a request (https://www.jsonrpc.org/specification). An integer beyond 2^53 is an object that is written as it came. */
export type RpcId = string | number;

export interface RpcRequest {
  jsonrpc: "2.0";
  id: RpcId;
  method: string;
  params?: JsonObject;
}

export interface RpcNotification {
  jsonrpc: "2.0";
  method: string;
  params?: JsonObject;
}

export interface RpcResponse {
  jsonrpc: "2.0";
  id: RpcId | null;
  result?: JsonObject;
  error?: { code: number; message: string; data?: unknown };
}

export type RpcMessage = RpcRequest | RpcNotification | RpcResponse;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is RpcId {
  if (typeof value === "number") return Number.isInteger(value);
  return typeof value === "string" || isExactInteger(value);
}

/** Returns a value as a message; undefined if it is none. Unknown fields stay. */
export function asMessage(value: unknown): RpcMessage | undefined {
  if (!isObject(value) || value["jsonrpc"] !== "2.0") return undefined;
  const { id, method, params, result, error } = value;
  if (typeof method === "string") {
    if (params !== undefined && !isObject(params)) return undefined;
    return id === undefined || isId(id) ? (value as unknown as RpcMessage) : undefined;
  }
  if (!isId(id) && id !== null) return undefined;
  if (isObject(error)) {
    return typeof error["code"] === "number" && typeof error["message"] === "string"
      ? (value as unknown as RpcResponse)
      : undefined;
  }
  return isObject(result) && id !== null ? (value as unknown as RpcResponse) : undefined;
}

export function isRequest(message: RpcMessage): message is RpcRequest {
  return "method" in message && "id" in message;
}

export function isResponse(message: RpcMessage): message is RpcResponse {
  return !("method" in message);
}
