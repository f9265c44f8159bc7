import { WorkEnd } from "../../../end-signal.ts";
import { isObject, type JsonObject, type RpcMessage } from "../../../mcp/messages.ts";
import { metaKeys } from "../../../mcp/revisions.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { dispatch } from "./dispatch.ts";
import type { EndpointOptions, EndpointRequest } from "./endpoint-types.ts";
import { HttpReply } from "./http-reply.ts";
import { logLevelIn } from "./log-levels.ts";

/** Serves one message of the modern era. Its response is JSON, or a stream from the first notification on. */
export function serveModern(
  { request, requestId, principal, project, text, onLastBytes, tap }: EndpointRequest,
  message: RpcMessage,
  options: EndpointOptions,
): Promise<Response> | Response {
  // Nothing that a client tells without asking has an effect: it cancels a request by leaving.
  if (!("method" in message) || !("id" in message)) return new Response(null, { status: 202 });
  const gone = new WorkEnd();
  const reply = new HttpReply(
    { request, principal, expects: 1, tap, onLastBytes, onGone: () => gone.abort() },
    options,
  );
  const { params, capabilities } = opened(message.params ?? {});
  const exchange = {
    requestId,
    era: "modern" as const,
    project,
    caller: { principal, session: principal.sessionId ?? principal.id, capabilities },
    method: message.method,
    params,
    headers: request.headers,
    bytesIn: Buffer.byteLength(text),
    logLevel: logLevelIn(params),
    signal: gone,
    send: (notification: RpcMessage) => reply.notify(JSON.stringify(notification)),
    async ask(): Promise<JsonObject> {
      throw new RpcError(rpcCodes.methodNotFound, "a client of this revision cannot be asked while it waits");
    },
  };
  void dispatch(message, exchange, options.services, options.onDefect).then((answer) => reply.answer(answer));
  return reply.response;
}

/** The keys of `_meta` that every modern request has. */
const envelope: ReadonlySet<string> = new Set(Object.values(metaKeys));

/** Takes the envelope out of the params of a modern request. */
function opened(params: JsonObject): { params: JsonObject; capabilities: JsonObject } {
  const { _meta: meta, ...rest } = params;
  if (!isObject(meta)) return { params, capabilities: {} };
  const capabilities = meta[metaKeys.clientCapabilities];
  let others: JsonObject | undefined;
  for (const key in meta)
    if (!envelope.has(key)) {
      others ??= Object.create(null) as JsonObject;
      others[key] = meta[key];
    }
  return {
    params: others ? { ...rest, _meta: others } : rest,
    capabilities: isObject(capabilities) ? capabilities : {},
  };
}
