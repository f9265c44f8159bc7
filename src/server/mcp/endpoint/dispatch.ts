import { isObject, type RpcId, type RpcRequest } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import type { ClientAnswer } from "./client-answer.ts";
import type { EndpointServices } from "./endpoint-types.ts";
import { type ClientExchange, WrittenResult } from "./exchange.ts";
import { methods } from "./methods.ts";
import { refuseParamsInOtherCase } from "./params-case.ts";

/** The HTTP statuses of errors that are about the request itself (revision 2026-07-28, "Streamable HTTP"). */
const statuses: Readonly<Record<number, number>> = {
  [rpcCodes.headerMismatch]: 400,
  [rpcCodes.missingCapability]: 400,
  [rpcCodes.unsupportedVersion]: 400,
};

/** Answers a request. Returns the message for the client: a result or an error. Never throws. */
export async function dispatch(
  { id }: RpcRequest,
  exchange: ClientExchange,
  services: EndpointServices,
  onDefect: (error: unknown) => void,
): Promise<ClientAnswer> {
  const { method, era } = exchange;
  const known = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (!known || (known.era !== undefined && known.era !== era))
    return refusal(
      id,
      new RpcError(rpcCodes.methodNotFound, `the method ${method.slice(0, 100)} is not known`),
      404,
    );
  try {
    refuseParamsInOtherCase(exchange.params);
    const result = await known.handle(exchange, services);
    const text = result instanceof WrittenResult ? result.text : JSON.stringify(result);
    return { text: `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${text}}`, status: 200 };
  } catch (error) {
    if (error instanceof RpcError) return refusal(id, error, statuses[error.code] ?? 200);
    onDefect(error);
    return refusal(id, new RpcError(rpcCodes.internalError, "something went wrong in the server"), 200);
  }
}

/** Returns an error as a message. */
export function refusal(id: RpcId | null, error: RpcError, status: number): ClientAnswer {
  const retryAfter = isObject(error.data) ? error.data["retryAfter"] : undefined;
  return {
    text: JSON.stringify({ jsonrpc: "2.0", id, error: error.toJSON() }),
    status,
    ...(typeof retryAfter === "number" && { retryAfter }),
  };
}

/** Returns an error as a response. */
export function refused(id: RpcId | null, error: RpcError, status: number): Response {
  return Response.json({ jsonrpc: "2.0", id, error: error.toJSON() }, { status });
}
