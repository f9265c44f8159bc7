import type { JsonObject } from "../../mcp/messages.ts";
import type { Time } from "../../time.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { isVirtual, type McpServerRow } from "../core/store/typed-rows.ts";
import { StoreError } from "../core/store/types.ts";
import type { OwnCache } from "../mcp/content/result-cache.ts";
import type { ServerInstances } from "../mcp/instances/servers.ts";
import { type InstanceClaims, needsLease } from "../mcp/instances/slots.ts";
import type { McpCluster, SharedInstances } from "../mcp/shared-instances.ts";
import type { WorkstationCalls } from "../mcp/types.ts";
import type { ConnectedLlms, VirtualLlms } from "../workstations/virtual-llms.ts";
import { ClusterCache } from "./cluster-cache.ts";
import { ClusterLogs } from "./cluster-logs.ts";
import { ClusteredLlms } from "./clustered-llms.ts";
import { ClusteredServers } from "./clustered-servers.ts";
import { ClusteredWorkstations } from "./clustered-workstations.ts";
import { ForwardedClients } from "./forwarded-clients.ts";
import { HostedClients, type ServeClient } from "./hosted-clients.ts";
import { HostedLlms } from "./hosted-llms.ts";
import { HostedWorkstations } from "./hosted-workstations.ts";
import { type HostedExchange, HostedLink } from "./link-host.ts";
import { InstanceMoved, type NodeRequest } from "./link-messages.ts";
import { Membership, type MembershipOptions } from "./membership.ts";
import { NodeLinks } from "./node-links.ts";
import { OwnInstances } from "./own-instances.ts";
import { nonceOfHello } from "./sealed-channel.ts";
import { WorkstationNodes } from "./workstation-nodes.ts";

export interface ClusterOptions extends MembershipOptions {
  catalogue: Catalogue;
  /** True if this node can run programs. */
  runsPrograms: boolean;
  time: Time;
}

/**
 * This server and the others on its database, which share the instances of MCP servers and the connected workstations among
 * them.
 */
export class Cluster implements McpCluster {
  readonly claims: InstanceClaims;
  readonly #options: ClusterOptions;
  readonly #membership: Membership;
  readonly #joined = Promise.withResolvers<void>();
  readonly #links = new NodeLinks((notice) => this.#servers?.notify(notice));
  readonly #workstationNodes: WorkstationNodes;
  readonly #hosted = new Set<HostedLink>();
  #servers: ClusteredServers | undefined;
  #own: OwnInstances | undefined;
  #clients: HostedClients | undefined;
  #workstations: HostedWorkstations | undefined;
  #llms: HostedLlms | undefined;
  #isDraining = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#membership = new Membership(options);
    this.#workstationNodes = new WorkstationNodes(this.#membership, this.#links);
    this.claims = {
      claim: async (serverId, slot, number) => {
        await this.#joined.promise;
        try {
          const lease = await this.#membership.claim(serverId, slot, number);
          return lease !== undefined && lease.nodeId === this.#membership.id ? lease.number : undefined;
        } catch (error) {
          if (error instanceof StoreError) return undefined;
          throw error;
        }
      },
    };
  }

  /** The id of this server among the others; undefined while it has no lease. */
  get nodeId(): string | undefined {
    return this.#membership.id;
  }

  isFirstFor(work: string): boolean {
    const { id, nodes } = this.#membership;
    if (id === undefined) return false;
    const rankOf = (node: string) => Bun.hash(`${node} ${work}`);
    const own = rankOf(id);
    return [...nodes.keys()].every((node) => node === id || rankOf(node) > own);
  }

  /** Adds the llms whose agents are connected to this node. Returns those of all nodes. */
  attachLlms(llms: ConnectedLlms): VirtualLlms {
    this.#llms = new HostedLlms(this.#options.catalogue, llms);
    return new ClusteredLlms(llms, this.#workstationNodes, this.#options.time);
  }

  attach(instances: ServerInstances, cache: OwnCache, workstations: WorkstationCalls): SharedInstances {
    const { catalogue, onError } = this.#options;
    const [membership, links] = [this.#membership, this.#links];
    const own = new OwnInstances({ catalogue, membership, instances, cache });
    const row = (id: string) => catalogue.snapshot.byId.get(id) as McpServerRow | undefined;
    const servers = new ClusteredServers({ ...this.#options, membership, links, instances, own, row });
    this.#own = own;
    this.#servers = servers;
    this.#workstations = new HostedWorkstations(catalogue, workstations);
    membership.onLost = (reason) => instances.giveUp(reason);
    membership.onBeat = () => {
      if (membership.id !== undefined) this.#joined.resolve();
      void own.releaseUnused();
      servers.beat(catalogue.snapshot.table("server").sorted.filter((one) => !isVirtual(one)));
    };
    membership.onRemoved = ({ name }) => {
      const isBack = [...membership.nodes.values()].some((node) => node.name === name);
      if (!isBack && name !== this.#options.name) instances.removeRowsOf(name).catch(onError);
    };
    instances.subscribe((notice) => {
      const server = row(notice.serverId);
      if (server && needsLease(server.spec)) for (const link of this.#hosted) link.notify(notice);
    });
    return {
      servers,
      logs: new ClusterLogs(instances.logs, membership, links),
      cache: new ClusterCache(cache, membership, links),
      workstations: new ClusteredWorkstations(workstations, this.#workstationNodes),
      clients: new ForwardedClients(this.#options.name, membership, links),
    };
  }

  serveClients(serve: ServeClient): void {
    this.#clients = new HostedClients(this.#options.catalogue, serve, this.#options.now);
  }

  /** Takes its place among the nodes. `url` is where other nodes reach this one. */
  async join(url: string): Promise<void> {
    await this.#membership.join(url);
  }

  /**
   * Accepts a link of another node.
   *
   * @param hello the header that proves that it is one
   * @returns undefined if it does not prove it
   */
  accept(hello: string | null): HostedLink | undefined {
    const { id, key } = this.#membership;
    const nonce =
      this.#isDraining || id === undefined || hello === null ? undefined : nonceOfHello(key, id, hello);
    const own = this.#own;
    if (nonce === undefined || !own) return undefined;
    const link = new HostedLink({
      key,
      nonce,
      handle: (request, exchange) => this.#handle(own, request, exchange),
      onEnd: (one) => {
        this.#hosted.delete(one);
        own.linkEnded(one);
      },
    });
    this.#hosted.add(link);
    return link;
  }

  /** Takes no more calls of other nodes, and ends their links when none is under way. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    const works = [this.#clients, this.#workstations, this.#llms].map((hosted) => hosted?.work.drain());
    await Promise.all([this.#own?.drain(), ...works]);
    await Promise.all([...this.#hosted].map((link) => link.leave()));
  }

  /** Ends the links to and from other nodes. */
  closeLinks(): void {
    this.#links.close();
    this.#closeHosted();
  }

  /** Leaves the nodes. Call it when no instance runs here any more. */
  async close(): Promise<void> {
    await this.#membership.close();
  }

  /** Carries out a request of another node. */
  async #handle(own: OwnInstances, request: NodeRequest, exchange: HostedExchange): Promise<JsonObject> {
    const [clients, workstations, llms] = [this.#clients, this.#workstations, this.#llms];
    // This node has not finished its start.
    if (!clients || !workstations || !llms) throw new InstanceMoved();
    switch (request.is) {
      case "client":
        return await clients.handle(request.request, exchange);
      case "workstationCall":
        return await workstations.call(request.call, exchange);
      case "infer":
        return await llms.infer(request.call, exchange);
      case "wake":
        return await llms.wake(request.llmId, exchange);
      case "findWorkstation":
        return { found: workstations.reaches(request.rowId) || llms.reaches(request.rowId) };
      default:
        return await own.handle(request, exchange);
    }
  }

  #closeHosted(): void {
    for (const link of [...this.#hosted]) link.close();
  }
}
