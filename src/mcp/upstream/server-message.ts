import { asMessage, isObject, type JsonObject, type RpcMessage } from "../messages.ts";
import { rpcCodes } from "../rpc-error.ts";

/**
 * Returns a value as a message of a server; undefined if it is none. Servers write errors in many ways, `null` for what
 * they do not have, and some leave `jsonrpc` out: a call that waits must get what was meant (failure mode 223).
 */
export function serverMessage(value: unknown): RpcMessage | undefined {
  const message = asMessage(value);
  if (message || !isObject(value)) return message;
  const { params, error, result, ...rest } = value;
  const hasError = error !== undefined && error !== null;
  return asMessage({
    ...rest,
    jsonrpc: value["jsonrpc"] ?? "2.0",
    ...(params !== undefined && params !== null && { params }),
    ...(hasError && { error: errorOf(error) }),
    ...(!hasError && result !== undefined && { result: isNothing(result) ? {} : result }),
  });
}

/** True for a result without fields, as some languages write an empty object. */
function isNothing(result: unknown): boolean {
  return result === null || (Array.isArray(result) && result.length === 0);
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
