import { randomBytes } from "node:crypto";
import { newId, type Random } from "../core/ids.ts";
import type { ClusterNode, ClusterStore, InstanceLease } from "../core/store/cluster-store.ts";
import { StoreError } from "../core/store/types.ts";
import { isOver, processIdentity } from "./process-identity.ts";

/** Times of leases, in milliseconds. */
export interface LeaseTimes {
  /** Between two renewals. */
  beat: number;
  /** After which the lease of a node that does not renew it is over, by the clocks of the other nodes. */
  lease: number;
  /** Before the end of its lease, a node that cannot renew it ends what it holds. */
  margin: number;
}

/** A program has 5 seconds to end by itself, which is within the margin. */
export const leaseTimes: LeaseTimes = { beat: 3000, lease: 20_000, margin: 8000 };

export interface MembershipOptions {
  store: ClusterStore;
  /** The name of this server among those on the same database. */
  name: string;
  times?: LeaseTimes;
  /** A clock in milliseconds that nobody sets. */
  clock(): number;
  now(): number;
  random: Random;
  onError(error: unknown): void;
}

/** Milliseconds between two looks whether the own lease is about to end. */
const watchTime = 200;

/**
 * This server among the nodes on its database. It renews its lease, and removes nodes that do not renew theirs. A node
 * counts as alive until its lease has not been renewed for the time of a lease by the clock of the one that looks, so
 * that no two clocks are ever compared (failure mode 169).
 */
export class Membership {
  readonly key: string = randomBytes(32).toString("base64url");
  /** Ends what this node holds, because its lease is lost. Returns when nothing of it runs. */
  onLost: (reason: string) => Promise<void> = async () => undefined;
  /** Is called after each renewal, with the newest state. */
  onBeat: () => void = () => undefined;
  /** Is called when a node was removed. */
  onRemoved: (node: ClusterNode) => void = () => undefined;
  readonly #options: MembershipOptions;
  readonly #times: LeaseTimes;
  #url: string | undefined;
  #id: string | undefined;
  #validUntil = 0;
  #losing: Promise<void> | undefined;
  #nodes = new Map<string, ClusterNode>();
  /** The leases of other nodes, as they were read last. */
  #others = new Map<string, InstanceLease>();
  readonly #own = new Map<string, InstanceLease>();
  readonly #pending = new Map<string, Promise<unknown>>();
  readonly #seen = new Map<string, { beat: number; at: number }>();
  #refreshing: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  #isClosed = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#times = options.times ?? leaseTimes;
  }

  /** The id of this node; undefined while it holds nothing, because it has no lease. */
  get id(): string | undefined {
    return this.#id;
  }

  /** The nodes that are alive, by their id. */
  get nodes(): ReadonlyMap<string, ClusterNode> {
    return this.#nodes;
  }

  /** Takes its place among the nodes. `url` is where others reach this one. */
  async join(url: string): Promise<void> {
    this.#url = url;
    this.#watch = setInterval(() => this.#look(), watchTime);
    this.#watch.unref();
    await this.#turn();
  }

  /** Returns the lease of an instance, as far as it is known here. */
  leaseOf(serverId: string, slot: string): InstanceLease | undefined {
    const key = keyOf(serverId, slot);
    return this.#own.get(key) ?? this.#others.get(key);
  }

  /** Returns the lease of an instance if it is this node's. */
  ownLease(serverId: string, slot: string): InstanceLease | undefined {
    return this.#own.get(keyOf(serverId, slot));
  }

  /** Returns the leases of the first shared instances of a server that nodes which are alive have, as far as it is known. */
  replicasOf(serverId: string, replicas: number): InstanceLease[] {
    const found: InstanceLease[] = [];
    for (let number = 1; number <= replicas; number++) {
      const lease = this.leaseOf(serverId, String(number));
      if (lease && this.isAlive(lease)) found.push(lease);
    }
    return found;
  }

  /** True if the node of a lease is alive, as far as it is known. */
  isAlive({ nodeId }: InstanceLease): boolean {
    return nodeId === this.#id || this.#nodes.has(nodeId);
  }

  get own(): InstanceLease[] {
    return [...this.#own.values()];
  }

  /**
   * Takes an instance for this node if it belongs to none.
   *
   * @returns its lease, which may be another node's; undefined if this node has no lease, or the server is gone
   */
  async claim(serverId: string, slot: string, number?: number): Promise<InstanceLease | undefined> {
    const key = keyOf(serverId, slot);
    while (this.#pending.has(key)) await this.#pending.get(key)?.catch(() => undefined);
    const id = this.#id;
    const own = this.#own.get(key);
    if (own || id === undefined) return own;
    const claiming = this.#options.store.claimInstance(id, serverId, slot, number);
    this.#pending.set(key, claiming);
    try {
      const lease = await claiming;
      if (lease?.nodeId !== id) {
        if (lease) this.#others.set(key, lease);
        return lease;
      }
      // The lease of the node may have ended while the claim was under way.
      if (this.#id !== id) return undefined;
      this.#others.delete(key);
      this.#own.set(key, lease);
      return lease;
    } finally {
      this.#pending.delete(key);
    }
  }

  /** Gives an instance up, of which nothing runs any more. */
  async release(lease: InstanceLease): Promise<void> {
    const key = keyOf(lease.serverId, lease.slot);
    if (this.#own.get(key) !== lease || this.#pending.has(key)) return;
    this.#own.delete(key);
    const releasing = this.#options.store.releaseInstance(lease);
    this.#pending.set(key, releasing);
    try {
      await releasing;
    } catch (error) {
      // It is still this node's, and is given up at the next look.
      if (this.#id === lease.nodeId) this.#own.set(key, lease);
      throw error;
    } finally {
      this.#pending.delete(key);
    }
  }

  /** Reads the nodes and leases. Joins a read that is under way. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Leaves the nodes. Nothing that it held may run any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    const id = this.#id;
    this.#id = undefined;
    this.#own.clear();
    // Without an answer, the lease ends by itself.
    if (id !== undefined) await this.#options.store.leave(id).catch(() => undefined);
  }

  #plan(): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#turn(), this.#times.beat);
    this.#timer.unref();
  }

  /** Renews the lease, or takes a new one, and looks at the others. Never throws. */
  async #turn(): Promise<void> {
    try {
      if (this.#id !== undefined) await this.#renew(this.#id);
      else if (!this.#losing) await this.#enter();
      await this.refresh();
      if (!this.#isClosed) this.onBeat();
    } catch (error) {
      // The store says it itself when the database cannot be reached.
      if (!(error instanceof StoreError)) this.#options.onError(error);
    }
    this.#plan();
  }

  async #renew(id: string): Promise<void> {
    const sentAt = this.#options.clock();
    const isHere = await this.#options.store.renew(id);
    if (this.#id !== id) return;
    if (isHere) this.#validUntil = Math.max(this.#validUntil, sentAt + this.#times.lease);
    else this.#lose("another server has taken it over");
  }

  async #enter(): Promise<void> {
    const { store, name, clock, now, random } = this.#options;
    const { nodes } = await store.clusterState();
    // A run of this server that was killed: its programs were ended at the start.
    for (const { id, name: other, process, beat } of nodes)
      if (other === name && isOver(process)) await store.evict(id, beat);
    const id = newId("nod", now(), random);
    const sentAt = clock();
    await store.join({ id, name, url: this.#url!, key: this.key, process: processIdentity() });
    if (this.#isClosed) return;
    this.#validUntil = sentAt + this.#times.lease;
    this.#id = id;
  }

  #look(): void {
    if (this.#id !== undefined && this.#options.clock() >= this.#validUntil - this.#times.margin)
      this.#lose("the database did not answer for too long");
  }

  /** Ends what this node holds. After that it takes a new lease. */
  #lose(reason: string): void {
    const id = this.#id;
    if (id === undefined) return;
    this.#id = undefined;
    this.#own.clear();
    this.#losing = this.onLost(reason)
      .catch(this.#options.onError)
      .then(async () => {
        // Others need not wait for the end of the lease. If this fails, they do.
        await this.#options.store.leave(id).catch(() => undefined);
        this.#losing = undefined;
      });
  }

  async #read(): Promise<void> {
    const { store, clock } = this.#options;
    const { nodes, leases } = await store.clusterState();
    const at = clock();
    const alive = new Map<string, ClusterNode>();
    const removed: ClusterNode[] = [];
    for (const node of nodes) {
      const seen = this.#seen.get(node.id);
      if (seen?.beat !== node.beat) this.#seen.set(node.id, { beat: node.beat, at });
      const isLate = seen?.beat === node.beat && at - seen.at > this.#times.lease;
      if (isLate && node.id !== this.#id && (await store.evict(node.id, node.beat))) removed.push(node);
      else alive.set(node.id, node);
    }
    for (const id of this.#seen.keys()) if (!alive.has(id)) this.#seen.delete(id);
    this.#nodes = alive;
    // Only now: it may be back under its name already, and what it has is not to be taken for that of an earlier run.
    for (const node of removed) this.onRemoved(node);
    this.#others = new Map(
      leases
        .filter(({ nodeId }) => nodeId !== this.#id && alive.has(nodeId))
        .map((lease) => [keyOf(lease.serverId, lease.slot), lease]),
    );
  }
}

function keyOf(serverId: string, slot: string): string {
  return `${serverId} ${slot}`;
}
