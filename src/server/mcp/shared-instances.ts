import type { OwnCache, ResultCache } from "./content/result-cache.ts";
import type { ClientNodes, ForwardedClient } from "./endpoint/endpoint-types.ts";
import type { InstanceLogs } from "./instances/logs/logs.ts";
import type { ServerInstances } from "./instances/servers.ts";
import type { InstanceClaims } from "./instances/slots.ts";
import type { McpServers, WorkstationCalls } from "./types.ts";

/** The instances of all servers of mcpctl on one database. */
export interface SharedInstances {
  servers: McpServers;
  /** The MCP servers of workstations, whichever host their agents are connected to. */
  workstations: Pick<McpServers, "call">;
  logs: InstanceLogs;
  /** The results that are kept for their clients. */
  cache: ResultCache;
  /** The hosts that clients may belong to; undefined if there is this one only. */
  clients?: ClientNodes;
}

/** Shares instances among several servers of mcpctl on one database. */
export interface McpCluster {
  claims: InstanceClaims;
  /** True if this host is the one that does a piece of work first, of those that are alive. */
  isFirstFor(work: string): boolean;
  /** Adds those of this host. */
  attach(instances: ServerInstances, cache: OwnCache, workstations: WorkstationCalls): SharedInstances;
  /** Lets other hosts hand on requests of clients whose sessions are at this one. */
  serveClients(serve: (incoming: ForwardedClient) => Promise<Response | undefined>): void;
}
