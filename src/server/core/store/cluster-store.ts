/** A server of mcpctl that is alive, among those on the same database. */
export interface ClusterNode {
  /** The id of this life of the node: after a restart it is another one. */
  id: string;
  /** The name of the server, which stays. */
  name: string;
  /** The address at which other nodes reach it. */
  url: string;
  /** The secret with which other nodes prove that they read this database, in base64url. */
  key: string;
  /** The process, in a form that only its own host understands; "" if it is not known. */
  process: string;
  /** Is counted up by each renewal of the lease. */
  beat: number;
}

/** An instance of an MCP server that belongs to a node, for as long as the lease of the node lasts. */
export interface InstanceLease {
  serverId: string;
  /** Tells the instances of a server apart: the number of a shared one, else a hash of its callers. */
  slot: string;
  /** The number in the name of the instance. */
  number: number;
  nodeId: string;
  /** Each lease has a higher one than all before it. */
  epoch: number;
}

/** The nodes and their leases. Only a database that several servers can share has them. No clock of it counts. */
export interface ClusterStore {
  /** Adds a node. */
  join(node: Omit<ClusterNode, "beat">): Promise<void>;
  /** Renews the lease of a node. Returns false if the node was removed: all that it held is lost. */
  renew(nodeId: string): Promise<boolean>;
  /** Removes a node with its leases, unless it has renewed its lease since that beat. Returns true if it is gone. */
  evict(nodeId: string, beat: number): Promise<boolean>;
  /** Removes a node with its leases. */
  leave(nodeId: string): Promise<void>;
  /** Returns all nodes and all leases. */
  clusterState(): Promise<{ nodes: ClusterNode[]; leases: InstanceLease[] }>;
  /**
   * Takes an instance for a node if it belongs to none.
   *
   * @param number the number that the instance must have; the lowest free one if it is undefined
   * @returns the lease, which can be that of another node; undefined if the server or the node does not exist
   */
  claimInstance(
    nodeId: string,
    serverId: string,
    slot: string,
    number: number | undefined,
  ): Promise<InstanceLease | undefined>;
  /** Gives an instance up. */
  releaseInstance(lease: InstanceLease): Promise<void>;
}
