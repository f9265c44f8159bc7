import type { JsonObject, RpcMessage, RpcRequest } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import type { ClientExchange } from "./exchange.ts";
import { type EndpointServices, methods } from "./methods.ts";

/** Answers a request. Returns the message for the client: a result or an error. Never throws. */
export async function dispatch(
  { id }: RpcRequest,
  exchange: ClientExchange,
  services: EndpointServices,
  onDefect: (error: unknown) => void,
): Promise<RpcMessage> {
  try {
    return { jsonrpc: "2.0", id, result: await resultOf(exchange, services) };
  } catch (error) {
    if (error instanceof RpcError) return { jsonrpc: "2.0", id, error: error.toJSON() };
    onDefect(error);
    return {
      jsonrpc: "2.0",
      id,
      error: { code: rpcCodes.internalError, message: "something went wrong in the server" },
    };
  }
}

function resultOf(exchange: ClientExchange, services: EndpointServices): JsonObject | Promise<JsonObject> {
  const { method } = exchange;
  const handler = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (!handler)
    throw new RpcError(rpcCodes.methodNotFound, `the method ${method.slice(0, 100)} is not known`);
  return handler(exchange, services);
}
