import { classifyInboundRequest, PerRequestHTTPServerTransport } from "@modelcontextprotocol/server";
import { isObject, type JsonObject, type RpcMessage, type RpcRequest } from "../../../mcp/messages.ts";
import { metaKeys } from "../../../mcp/revisions.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import type { ClientExchange } from "./exchange.ts";

/** A request of the modern era, or the reason why it is none. */
export type Inbound =
  | { kind: "legacy" }
  | { kind: "refused"; status: number; message: RpcMessage }
  | { kind: "modern"; message: RpcMessage; transport: PerRequestHTTPServerTransport };

/** Finds out the era of a POST from its body, and checks what the modern revision says about it. */
export function classify(request: Request, body: unknown): Inbound {
  const { headers, method } = request;
  const text = (name: string) => headers.get(name) ?? undefined;
  const outcome = classifyInboundRequest({
    httpMethod: method,
    body,
    ...defined({
      protocolVersionHeader: text("mcp-protocol-version"),
      mcpMethodHeader: text("mcp-method"),
      mcpNameHeader: text("mcp-name"),
    }),
  });
  if (outcome.kind === "legacy") return { kind: "legacy" };
  if (outcome.kind === "reject") {
    const { httpStatus: status, code, message, data } = outcome;
    const id =
      isObject(body) && ["string", "number"].includes(typeof body["id"]) ? (body["id"] as string) : null;
    return {
      kind: "refused",
      status,
      message: { jsonrpc: "2.0", id, error: new RpcError(code, message, data).toJSON() },
    };
  }
  const transport = new PerRequestHTTPServerTransport({ classification: outcome.classification });
  return { kind: "modern", message: outcome.message as RpcMessage, transport };
}

/** Serves one modern request. Its response is JSON, or a stream from the first notification on. */
export async function serveModern(
  request: Request,
  { message, transport }: Extract<Inbound, { kind: "modern" }>,
  answer: (
    message: RpcRequest,
    exchange: Pick<ClientExchange, "era" | "method" | "params" | "signal" | "send" | "ask">,
    capabilities: JsonObject,
  ) => Promise<RpcMessage>,
): Promise<Response> {
  await transport.start();
  const gone = new AbortController();
  transport.onclose = () => gone.abort();
  transport.onmessage = (received) => {
    const inbound = received as RpcMessage;
    if (!("id" in inbound) || !("method" in inbound)) return;
    const { id, method } = inbound;
    const { params, capabilities } = opened(inbound.params ?? {});
    const exchange = {
      era: "modern" as const,
      method,
      params,
      signal: gone.signal,
      send: (notification: RpcMessage) =>
        void transport.send(notification as never, { relatedRequestId: id }),
      async ask(): Promise<JsonObject> {
        throw new RpcError(
          rpcCodes.methodNotFound,
          "a client of this revision cannot be asked while it waits",
        );
      },
    };
    void answer(inbound, exchange, capabilities).then((response) => transport.send(response as never));
  };
  return transport.handleMessage(message as never, { request });
}

/** Takes the envelope out of the params of a modern request. */
function opened(params: JsonObject): { params: JsonObject; capabilities: JsonObject } {
  const { _meta: meta, ...rest } = params;
  if (!isObject(meta)) return { params, capabilities: {} };
  const capabilities = meta[metaKeys.clientCapabilities];
  const own = new Set<string>(Object.values(metaKeys));
  const others = Object.fromEntries(Object.entries(meta).filter(([key]) => !own.has(key)));
  return {
    params: Object.keys(others).length > 0 ? { ...rest, _meta: others } : rest,
    capabilities: isObject(capabilities) ? capabilities : {},
  };
}

function defined<T extends Record<string, string | undefined>>(fields: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: string;
  };
}
