import { AppError } from "../../../errors.ts";
import type { JsonObject } from "../../../mcp/messages.ts";
import { McpFailure } from "../../../mcp/rpc-error.ts";
import { readListing } from "../../../mcp/upstream/listing.ts";
import type { Upstream } from "../../../mcp/upstream/upstream.ts";
import type { Outbound } from "../../../net/outbound.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { McpServers, ServerCall, ServerNotice } from "../types.ts";
import { openInstance } from "./instance.ts";
import { storeListing } from "./listings.ts";

/** Milliseconds that a server has to list what it has. */
const listTimeout = 30_000;

export interface ServerInstancesOptions {
  catalogue: Catalogue;
  outbound: Outbound;
  now(): number;
}

/** The instances of all servers on this host. */
export class ServerInstances implements McpServers {
  readonly #options: ServerInstancesOptions;
  readonly #open = new Map<string, Promise<Upstream>>();
  readonly #listeners = new Set<(notice: ServerNotice) => void>();

  constructor(options: ServerInstancesOptions) {
    this.#options = options;
  }

  subscribe(listener: (notice: ServerNotice) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async call({ server, caller, method, params, ...options }: ServerCall): Promise<JsonObject> {
    const upstream = await this.upstream(server);
    try {
      const timeout = server.spec.callSeconds * 1000;
      return await upstream.request(method, params, {
        ...options,
        timeout,
        capabilities: caller.capabilities,
      });
    } catch (error) {
      if (!(error instanceof McpFailure)) throw error;
      throw new AppError(error.kind === "timeout" ? "provider_timeout" : "provider_error", error.message, {
        cause: error,
      });
    }
  }

  /** Returns the connection to a server, which is started if it is not there. */
  upstream(server: McpServerRow): Promise<Upstream> {
    let open = this.#open.get(server.id);
    if (!open) {
      const forget = () => this.#open.delete(server.id);
      open = this.#start(server, forget);
      open.catch(forget);
      this.#open.set(server.id, open);
    }
    return open;
  }

  /** Starts a server and keeps what it lists. */
  async #start(server: McpServerRow, onClose: () => void): Promise<Upstream> {
    const { catalogue, outbound, now } = this.#options;
    const upstream = await openInstance({
      server,
      outbound,
      onNotification: (notification) => {
        for (const listener of this.#listeners) listener({ serverId: server.id, notification });
      },
      onClose,
      onLog: () => undefined,
    });
    upstream.listen();
    const listing = await readListing(upstream, listTimeout);
    await storeListing(catalogue, server.id, { listing, upstream, now: now() });
    return upstream;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#open.values()].map(async (open) => (await open).close()));
  }
}
