import type { JsonObject } from "../../mcp/messages.ts";
import { nobody, personalIds } from "../core/access/policy.ts";
import type { McpServerRow } from "../core/store/typed-rows.ts";
import type { McpCaller, ServerCall } from "../mcp/types.ts";
import type { HostedExchange } from "./link-host.ts";
import { type CallFields, type NodeRequest, unanswered } from "./link-messages.ts";
import type { NodeLink } from "./node-link.ts";

/** Returns the parts of a call that another node gets. It learns no right of the caller: they were checked here. */
export function callFields(call: ServerCall): CallFields {
  const { server, caller, method, params, headers, mayRepeat, onProgress } = call;
  const { principal, session, capabilities } = caller;
  return {
    ...{ serverId: server.id, method, params, mayRepeat },
    caller: { ...personalIds(principal), session, capabilities },
    ...(headers && { headers }),
    wantsProgress: onProgress !== undefined,
  };
}

/**
 * Makes a call at another node, with all that happens meanwhile.
 *
 * @throws LinkLost, InstanceMoved, or the error of the other node
 */
export function callOver(
  link: NodeLink,
  request: NodeRequest,
  { signal, onProgress, onNotification, onRequest }: ServerCall,
): Promise<JsonObject> {
  return link.request(request, {
    signal,
    onEvent(event) {
      if ("progress" in event) onProgress?.(event.progress);
      else if ("notification" in event) onNotification?.(event.notification);
    },
    onAsk: onRequest,
  });
}

/** Returns the caller of a forwarded call. Its rights were checked where it came in: here it only tells callers apart. */
export function forwardedCaller({ caller }: CallFields): McpCaller {
  const { id, userId, session, capabilities } = caller;
  return { principal: { ...nobody, id, userId }, session, capabilities };
}

/** Returns a call of another node as this one makes it. */
export function hostedCall(
  server: McpServerRow,
  forwarded: CallFields,
  { signal, send, ask }: HostedExchange,
): ServerCall {
  const { method, params, headers, mayRepeat, wantsProgress } = forwarded;
  const isWatch = /^resources\/(un)?subscribe$/.test(method);
  return {
    ...{ server, caller: forwardedCaller(forwarded), method, params, signal, mayRepeat },
    ...(headers && { headers }),
    ...(wantsProgress && { onProgress: (progress: JsonObject) => send({ progress }) }),
    onNotification: (notification) => send({ notification }),
    onRequest: (request, over) => (isWatch ? Promise.reject(unanswered()) : ask(request, over)),
  };
}
