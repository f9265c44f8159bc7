import type { JsonObject } from "../../mcp/messages.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { InstanceLease } from "../core/store/cluster-store.ts";
import type { McpServerRow } from "../core/store/typed-rows.ts";
import { groupOf } from "../mcp/caller-group.ts";
import type { OwnCache } from "../mcp/content/result-cache.ts";
import type { ServerInstances } from "../mcp/instances/servers.ts";
import { needsLease, slotOf } from "../mcp/instances/slots.ts";
import type { ServerCall } from "../mcp/types.ts";
import { FollowedResources } from "./followed-resources.ts";
import { forwardedCaller, hostedCall } from "./forward-call.ts";
import type { HostedExchange, HostedLink } from "./link-host.ts";
import { type ForwardedCall, InstanceMoved, type NodeRequest } from "./link-messages.ts";
import type { Membership } from "./membership.ts";

export interface OwnInstancesOptions {
  catalogue: Catalogue;
  membership: Membership;
  instances: ServerInstances;
  cache: OwnCache;
}

/** A request that is about instances and what was kept of their results. */
export type InstanceRequest = Exclude<
  NodeRequest,
  { is: "client" | "workstationCall" | "findWorkstation" | "infer" | "wake" }
>;

/** The instances that belong to this node, as it and other nodes call them. */
export class OwnInstances {
  readonly #options: OwnInstancesOptions;
  readonly #followed = new FollowedResources();
  /** Leases whose instances were missing at the last look. */
  #unused = new Set<InstanceLease>();
  #busy = 0;
  #isDraining = false;

  constructor(options: OwnInstancesOptions) {
    this.#options = options;
  }

  /**
   * Calls an instance of this node.
   *
   * @param follower for whom it follows resources
   */
  async call(call: ServerCall, { slot, number }: InstanceLease, follower: object): Promise<JsonObject> {
    const { method } = call;
    if (method === "resources/unsubscribe" && !this.#followed.remove(slot, call, follower)) return {};
    const result = await this.#options.instances.call(call, number);
    if (method === "resources/subscribe") this.#followed.add(slot, number, call, follower);
    return result;
  }

  /** Carries out a request of another node. @throws InstanceMoved, or the error of the instance */
  async handle(request: InstanceRequest, exchange: HostedExchange): Promise<JsonObject> {
    const { instances, cache } = this.#options;
    switch (request.is) {
      case "call":
        return await this.#hosted(request.call, exchange);
      case "endSession":
        instances.endSession(request.principalId, request.session);
        return {};
      case "readLogs":
        return { lines: await instances.logs.read(request.serverId, request.instance, request.options) };
      case "readPart":
        return { found: await cache.read(request.query) };
      case "listCache":
        return { list: await cache.list(request.filter) };
      case "clearCache":
        return { count: await cache.clear(request.filter) };
      case "followLogs": {
        const { serverId, instance } = request;
        const end = instances.logs.follow(serverId, instance, (line) => exchange.send({ line }));
        if (!exchange.signal.aborted)
          await new Promise((resolve) => exchange.signal.addEventListener("abort", resolve, { once: true }));
        end();
        return {};
      }
    }
  }

  /** Ends what was done for a node whose link has ended. */
  linkEnded(link: HostedLink): void {
    const { instances } = this.#options;
    for (const { call, number } of this.#followed.removeAll(link)) {
      const { signal: _, ...rest } = call;
      instances.call({ ...rest, method: "resources/unsubscribe" }, number).catch(() => undefined);
    }
  }

  /** Gives up the leases of instances that have ended for good. */
  async releaseUnused(): Promise<void> {
    const { membership, instances } = this.#options;
    const unused = membership.own.filter(({ serverId, slot }) => !instances.occupies(serverId, slot));
    // One that was claimed just now has no instance yet.
    const over = unused.filter((lease) => this.#unused.has(lease));
    this.#unused = new Set(unused);
    await Promise.allSettled(over.map((lease) => membership.release(lease)));
  }

  /** Takes no more calls of other nodes. Returns when none is under way. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    while (this.#busy > 0) await Bun.sleep(50);
  }

  async #hosted(forwarded: ForwardedCall, exchange: HostedExchange): Promise<JsonObject> {
    const { catalogue, membership } = this.#options;
    const { serverId, slot, epoch, mayRepeat } = forwarded;
    const server = catalogue.snapshot.byId.get(serverId) as McpServerRow | undefined;
    const lease = membership.ownLease(serverId, slot);
    if (this.#isDraining || !server || lease?.epoch !== epoch || !needsLease(server.spec))
      throw new InstanceMoved();
    // The other node may know the server as it was before a change.
    const group = groupOf(server.spec.sharing, forwardedCaller(forwarded));
    if (slotOf(group, lease.number) !== slot) throw new InstanceMoved();
    this.#busy++;
    try {
      return await this.call(hostedCall(server, forwarded, exchange), lease, exchange.link);
    } catch (error) {
      // This node has lost it in the meantime: whoever has it now may repeat the call.
      if (mayRepeat && !exchange.signal.aborted && membership.ownLease(serverId, slot) !== lease)
        throw new InstanceMoved();
      throw error;
    } finally {
      this.#busy--;
    }
  }
}
