import type { EndSignal } from "../../../end-signal.ts";
import { AppError } from "../../../errors.ts";
import type { JsonObject } from "../../../mcp/messages.ts";
import { backoffDelay, pause, type Time } from "../../../time.ts";
import { listenMethod, listenParams } from "../../../wire/link/mcp-calls.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { McpServers, ServerCall, ServerNotice } from "../types.ts";

export interface FollowedServersOptions {
  /** Calls the MCP servers of workstations, wherever their agents are connected. */
  calls: Pick<McpServers, "call">;
  snapshot(): Snapshot;
  time: Time;
}

/** Waits between two tries to follow a resource again, in milliseconds. */
const span = { first: 1000, longest: 60_000 };

/**
 * The MCP servers of workstations, with the resources that clients follow: each is a call that lasts, and that is made
 * again when the agent or its program has gone and come back (failure mode 245).
 */
export class FollowedServers implements Pick<McpServers, "call" | "subscribe"> {
  readonly #options: FollowedServersOptions;
  readonly #listeners = new Set<(notice: ServerNotice) => void>();
  readonly #followed = new Map<string, AbortController>();

  constructor(options: FollowedServersOptions) {
    this.#options = options;
  }

  async call(call: ServerCall): Promise<JsonObject> {
    const { method, server, params } = call;
    if (method !== "resources/subscribe" && method !== "resources/unsubscribe")
      return this.#options.calls.call(call);
    const key = JSON.stringify([server.id, params["uri"]]);
    if (method === "resources/unsubscribe") {
      this.#followed.get(key)?.abort();
      this.#followed.delete(key);
    } else if (!this.#followed.has(key)) await this.#follow(key, call);
    return {};
  }

  subscribe(listener: (notice: ServerNotice) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Follows nothing any more. */
  close(): void {
    for (const over of this.#followed.values()) over.abort();
    this.#followed.clear();
  }

  /** Returns when the MCP server has accepted it. @throws its refusal, or AppError if it cannot be reached */
  async #follow(key: string, call: ServerCall): Promise<void> {
    const over = new AbortController();
    this.#followed.set(key, over);
    const begun = Promise.withResolvers<void>();
    void this.#keep(call, over.signal, begun).finally(() => {
      if (this.#followed.get(key) === over) this.#followed.delete(key);
    });
    await begun.promise;
  }

  /** Follows a resource until the signal aborts, again and again once it has succeeded. */
  async #keep(
    { server: { id }, caller, params }: ServerCall,
    signal: EndSignal,
    begun: PromiseWithResolvers<void>,
  ): Promise<void> {
    const { calls, snapshot, time } = this.#options;
    let hasBegun = false;
    for (let failures = 0; !signal.aborted; ) {
      const server = snapshot().byId.get(id) as McpServerRow | undefined;
      if (!server) return begun.reject(new AppError("unavailable", "the MCP server was deleted"));
      try {
        await calls.call({
          ...{ server, caller, signal, mayRepeat: false },
          method: listenMethod,
          params: listenParams(String(params["uri"])),
          onRequest: () => Promise.reject(new Error("no client waits")),
          onNotification: (notification) => {
            if (notification.method === "notifications/subscriptions/acknowledged") {
              failures = 0;
              hasBegun = true;
              begun.resolve();
            } else for (const listener of this.#listeners) listener({ serverId: id, notification });
          },
        });
      } catch (error) {
        if (!hasBegun) return begun.reject(error);
      }
      await pause(
        time,
        backoffDelay(failures++, span, () => time.random()),
        signal,
      );
    }
  }
}
