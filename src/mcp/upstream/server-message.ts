import { asMessage, isObject, type JsonObject, type RpcMessage } from "../messages.ts";
import { rpcCodes } from "../rpc-error.ts";

/**
 * Returns a value as a message of a server; undefined if it is none. Servers write errors in many ways, `null` for what
 * they do not have, and some leave `jsonrpc` out: a call that waits must get what was meant (failure mode 223).
 */
export function serverMessage(value: unknown): RpcMessage | undefined {
  const message = asMessage(value);
  if (message || !isObject(value)) return message;
  const { params, error, ...rest } = value;
  return asMessage({
    ...rest,
    jsonrpc: value["jsonrpc"] ?? "2.0",
    ...(params !== undefined && params !== null && { params }),
    ...(error !== undefined && error !== null && { error: errorOf(error) }),
  });
}

/** Returns an error with a code and a message. */
function errorOf(error: unknown): JsonObject {
  if (!isObject(error)) return { code: rpcCodes.internalError, message: String(error).slice(0, 2000) };
  const { code, message } = error;
  const isCode = Number.isInteger(code);
  const named = isCode || code === undefined || code === null ? "" : ` (${String(code).slice(0, 100)})`;
  return {
    ...error,
    code: isCode ? code : rpcCodes.internalError,
    message: typeof message === "string" ? message + named : `the server gives no message${named}`,
  };
}
