import { isObject, type JsonObject, type RpcNotification } from "../../mcp/messages.ts";
import { McpFailure, RpcError, rpcCodes } from "../../mcp/rpc-error.ts";
import type { Upstream } from "../../mcp/upstream/upstream.ts";
import { followedUri } from "../../wire/link/mcp-calls.ts";
import type { McpCallEvents } from "../core/mcp-server.ts";

interface Follower {
  take(notification: RpcNotification): void;
  end(reason: Error): void;
}

/** Those who follow resources of one MCP server. Each is a call that lasts until it is cancelled. */
export class ResourceFollowers {
  readonly #byUri = new Map<string, Set<Follower>>();

  /**
   * Follows a resource until the caller leaves or the MCP server ends. The first notification says that it is followed.
   *
   * @param params those of `subscriptions/listen`
   * @param timeout milliseconds in which the MCP server must accept it
   * @throws RpcError with which it refuses; McpFailure at the end
   */
  async follow(
    upstream: Pick<Upstream, "request">,
    params: JsonObject,
    { signal, onNotification }: Pick<McpCallEvents, "signal" | "onNotification">,
    timeout: number,
  ): Promise<never> {
    const uri = followedUri(params);
    if (uri === undefined) throw new RpcError(rpcCodes.invalidParams, "no resource is named");
    const over = Promise.withResolvers<never>();
    over.promise.catch(() => undefined);
    const onAbort = () => over.reject(new McpFailure("cancelled", "the caller has gone"));
    const follower: Follower = { take: onNotification, end: over.reject };
    const followers = this.#byUri.get(uri) ?? new Set();
    this.#byUri.set(uri, followers.add(follower));
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const accepted = upstream.request("resources/subscribe", { uri }, { timeout, signal });
      await Promise.race([accepted, over.promise]);
      onNotification({ jsonrpc: "2.0", method: "notifications/subscriptions/acknowledged", params });
      return await over.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      followers.delete(follower);
      if (followers.size === 0) {
        if (this.#byUri.get(uri) === followers) this.#byUri.delete(uri);
        upstream.request("resources/unsubscribe", { uri }, { timeout }).catch(() => undefined);
      }
    }
  }

  /** Passes a notification of the MCP server on to those whom it concerns. */
  tell(notification: RpcNotification): void {
    const { method, params } = notification;
    if (method !== "notifications/resources/updated" || !isObject(params)) return;
    const updated = String(params["uri"]);
    for (const [uri, followers] of this.#byUri) {
      // The update may be about a part of the resource.
      if (updated !== uri && !updated.startsWith(`${uri.replace(/\/$/, "")}/`)) continue;
      for (const { take } of followers) take(notification);
    }
  }

  /** Ends all: the MCP server has ended. */
  end(): void {
    for (const followers of [...this.#byUri.values()])
      for (const { end } of [...followers]) end(new McpFailure("closed", "the MCP server has ended"));
  }
}
