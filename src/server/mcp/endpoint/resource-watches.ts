import type { JsonObject } from "../../../mcp/messages.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import { type CallerGroup, concerns, groupOf } from "../caller-group.ts";
import type { McpServers, ServerNotice } from "../types.ts";
import type { ClientExchange, ResourceSubscriber } from "./exchange.ts";

/** A resource of a server, with those who follow it. */
interface Watch {
  server: McpServerRow;
  uri: string;
  /** The callers whose instance tells the changes. Those of another group do not learn of them (T171). */
  group: CallerGroup;
  /** The URIs by which each follower knows it. */
  followers: Map<ResourceSubscriber, string>;
  /** Ends when the server has been asked to tell changes. */
  begun: Promise<void>;
}

/**
 * The resources that clients follow. A server is asked once for each, however many clients follow it that share its
 * instances.
 */
export class ResourceWatches {
  readonly #servers: McpServers;
  readonly #watches = new Map<string, Watch>();
  readonly #stop: () => void;

  constructor(servers: McpServers) {
    this.#servers = servers;
    this.#stop = servers.subscribe((notice) => this.#take(notice));
  }

  get size(): number {
    return this.#watches.size;
  }

  /**
   * Lets a client follow a resource. The function in its `subscriptions` ends it.
   *
   * @param uri as the client knows it
   * @throws RpcError or AppError if the server cannot tell changes of it
   */
  async follow(
    follower: ResourceSubscriber,
    uri: string,
    { server, original }: { server: McpServerRow; original: string },
    { caller }: Pick<ClientExchange, "caller">,
  ): Promise<void> {
    const group = groupOf(server.spec.sharing, caller);
    const key = JSON.stringify([server.id, group.key, original]);
    const request = (method: string): Promise<JsonObject> =>
      this.#servers.call({
        server,
        caller,
        method,
        params: { uri: original },
        mayRepeat: true,
        onRequest: () => Promise.reject(new Error("no client waits")),
      });
    const watch = this.#watches.get(key) ?? {
      server,
      uri: original,
      group,
      followers: new Map<ResourceSubscriber, string>(),
      begun: request("resources/subscribe").then(() => undefined),
    };
    this.#watches.set(key, watch);
    watch.followers.set(follower, uri);
    const end = () => {
      follower.subscriptions.delete(uri);
      if (!watch.followers.delete(follower) || watch.followers.size > 0) return;
      this.#watches.delete(key);
      // A server that has stopped follows nothing any more.
      request("resources/unsubscribe").catch(() => undefined);
    };
    follower.subscriptions.set(uri, end);
    try {
      await watch.begun;
    } catch (error) {
      follower.subscriptions.delete(uri);
      watch.followers.delete(follower);
      if (watch.followers.size === 0) this.#watches.delete(key);
      throw error;
    }
  }

  close(): void {
    this.#stop();
    this.#watches.clear();
  }

  #take(notice: ServerNotice): void {
    const { serverId, notification } = notice;
    const { method, params } = notification;
    const uri = params?.["uri"];
    if (method !== "notifications/resources/updated" || typeof uri !== "string") return;
    for (const watch of this.#watches.values()) {
      if (watch.server.id !== serverId || !concerns(notice, watch.group)) continue;
      // The update may be about a part of the resource.
      if (uri !== watch.uri && !uri.startsWith(`${watch.uri.replace(/\/$/, "")}/`)) continue;
      for (const [follower, known] of watch.followers)
        follower.onResourceUpdated(known + uri.slice(watch.uri.length));
    }
  }
}
