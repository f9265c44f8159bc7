import { AppError } from "../../errors.ts";
import type { JsonObject } from "../../mcp/messages.ts";
import { McpFailure } from "../../mcp/rpc-error.ts";
import { pause, type Time } from "../../time.ts";
import type { InstanceLease } from "../core/store/cluster-store.ts";
import { storeFailure } from "../core/store/store-failure.ts";
import type { McpServerRow } from "../core/store/typed-rows.ts";
import { StoreError } from "../core/store/types.ts";
import { type CallerGroup, groupOf } from "../mcp/caller-group.ts";
import { callFailure } from "../mcp/instances/call-failure.ts";
import type { ServerInstances } from "../mcp/instances/servers.ts";
import { needsLease, slotOf } from "../mcp/instances/slots.ts";
import type { McpServers, ServerCall, ServerNotice } from "../mcp/types.ts";
import { callFields, callOver } from "./forward-call.ts";
import { InstanceMoved, LinkLost } from "./link-messages.ts";
import type { Membership } from "./membership.ts";
import type { NodeLink } from "./node-link.ts";
import type { NodeLinks } from "./node-links.ts";
import type { OwnInstances } from "./own-instances.ts";
import { chooseLease, missingNumber } from "./placement.ts";

export interface ClusteredServersOptions {
  membership: Membership;
  links: NodeLinks;
  instances: ServerInstances;
  own: OwnInstances;
  /** True if this node can run programs. */
  runsPrograms: boolean;
  /** Returns the row of a server as it is now. */
  row(id: string): McpServerRow | undefined;
  time: Time;
  onError(error: unknown): void;
}

/** Milliseconds between two looks for the node of an instance. */
const lookTime = 250;

/** A resource that clients of this node follow, and where. */
interface Following {
  call: ServerCall;
  slot: string;
  epoch: number;
  /** Undefined for an instance of this node. */
  link: NodeLink | undefined;
  isPending: boolean;
}

/** Calls each instance on the node that it belongs to. An instance that belongs to none is taken. */
export class ClusteredServers implements McpServers {
  readonly #options: ClusteredServersOptions;
  readonly #listeners = new Set<(notice: ServerNotice) => void>();
  readonly #following = new Map<string, Following>();
  /** Calls that are forwarded, by the epoch of the lease. */
  readonly #forwarded = new Map<number, number>();
  readonly #spreading = new Set<string>();

  constructor(options: ClusteredServersOptions) {
    this.#options = options;
  }

  async call(call: ServerCall): Promise<JsonObject> {
    const { instances, time, own } = this.#options;
    const row = this.#options.row(call.server.id) ?? call.server;
    const isLeased = needsLease(row.spec) && row.spec.replicas > 0;
    if (!isLeased) return await instances.call(call);
    const until = time.elapsed() + row.spec.startSeconds * 1000;
    let wasRepeated = false;
    for (;;) {
      const lease = await this.#place(call, row, until);
      if (!lease) return await instances.call(call);
      const isHere = lease.nodeId === this.#options.membership.id;
      const link = isHere ? undefined : this.#linkTo(lease);
      try {
        const result = await (link ? this.#forward(link, call, lease) : own.call(call, lease, this));
        this.#follow(call, lease, link);
        return result;
      } catch (error) {
        if (call.signal?.aborted) throw cancelled(row);
        if (error instanceof InstanceMoved) await this.#refresh();
        else if (!(error instanceof LinkLost)) throw error;
        else if (!error.isUnsent && (!call.mayRepeat || wasRepeated))
          throw callFailure(new McpFailure("closed", error.message, { cause: error }), row, noLog);
        else wasRepeated ||= !error.isUnsent;
        await this.#wait(call, row, until, lease);
      }
    }
  }

  subscribe(listener: (notice: ServerNotice) => void): () => void {
    const end = this.#options.instances.subscribe(listener);
    this.#listeners.add(listener);
    return () => {
      end();
      this.#listeners.delete(listener);
    };
  }

  /** Takes a message that an instance of another node has sent by itself. */
  notify(notice: ServerNotice): void {
    for (const listener of this.#listeners) listener(notice);
  }

  endSession(principalId: string, session: string): void {
    this.#options.instances.endSession(principalId, session);
    // An instance of the session on another node was called over one of these.
    for (const link of this.#options.links.open)
      link.request({ is: "endSession", principalId, session }).catch(() => undefined);
  }

  /** Does what is due after each look at the nodes. */
  beat(rows: readonly McpServerRow[]): void {
    const { links, membership } = this.#options;
    links.keep(membership.nodes);
    for (const row of rows) this.#spread(row);
    for (const one of this.#following.values()) this.#followAgain(one);
  }

  /** Returns the lease of the instance for a call; undefined if this node cannot run it, and no other one does. */
  async #place(call: ServerCall, row: McpServerRow, until: number): Promise<InstanceLease | undefined> {
    const { membership, runsPrograms } = this.#options;
    const group = groupOf(row.spec.sharing, call.caller);
    const mayRunHere = runsPrograms || row.spec.url !== undefined;
    for (;;) {
      const known = this.#known(call, row, group);
      if (known) {
        this.#spread(row);
        return known;
      }
      if (mayRunHere) {
        const number = group.key === "" ? 1 : undefined;
        const lease = await membership.claim(row.id, slotOf(group, 1), number).catch(unavailable);
        if (lease && membership.isAlive(lease)) {
          this.#spread(row);
          return lease;
        }
      }
      await this.#refresh();
      if (this.#known(call, row, group)) continue;
      if (!mayRunHere) return undefined;
      await this.#wait(call, row, until);
    }
  }

  #known(call: ServerCall, row: McpServerRow, group: CallerGroup): InstanceLease | undefined {
    const { membership } = this.#options;
    // One of the instances follows resources, so that none is told twice.
    const isFollow = /^resources\/(un)?subscribe$/.test(call.method);
    if (group.key !== "" || isFollow) {
      const lease = membership.leaseOf(row.id, slotOf(group, 1));
      return lease && membership.isAlive(lease) ? lease : undefined;
    }
    const leases = membership.replicasOf(row.id, row.spec.replicas);
    return chooseLease(leases, membership.id, ({ epoch, serverId, slot, nodeId }) =>
      nodeId === membership.id
        ? this.#options.instances.loadOf(serverId, slot)
        : (this.#forwarded.get(epoch) ?? 0),
    );
  }

  #linkTo({ nodeId }: InstanceLease): NodeLink {
    return this.#options.links.to(this.#options.membership.nodes.get(nodeId)!);
  }

  async #forward(link: NodeLink, call: ServerCall, lease: InstanceLease): Promise<JsonObject> {
    const { slot, epoch } = lease;
    const count = (change: number) => this.#forwarded.set(epoch, (this.#forwarded.get(epoch) ?? 0) + change);
    count(1);
    try {
      return await callOver(link, { is: "call", call: { ...callFields(call), slot, epoch } }, call);
    } finally {
      count(-1);
      if (this.#forwarded.get(epoch) === 0) this.#forwarded.delete(epoch);
    }
  }

  /** Takes instances that are missing, as far as it is this node's turn: replicas spread over the nodes. */
  #spread(row: McpServerRow): void {
    const { membership, instances, runsPrograms, onError } = this.#options;
    if (row.spec.replicas < 2 || row.spec.sharing !== "shared" || !needsLease(row.spec)) return;
    if ((!runsPrograms && row.spec.url === undefined) || this.#spreading.has(row.id)) return;
    const leases = membership.replicasOf(row.id, row.spec.replicas);
    const number = missingNumber(leases, row.spec.replicas, membership.id, membership.nodes.size);
    if (number === undefined) return;
    this.#spreading.add(row.id);
    membership
      .claim(row.id, String(number), number)
      .then((lease) => {
        this.#spreading.delete(row.id);
        if (lease?.nodeId !== membership.id || membership.id === undefined) return;
        instances.startAt(row, number);
        this.#spread(row);
      })
      .catch((error) => {
        this.#spreading.delete(row.id);
        if (!(error instanceof StoreError)) onError(error);
      });
  }

  #follow(call: ServerCall, lease: InstanceLease, link: NodeLink | undefined): void {
    if (!/^resources\/(un)?subscribe$/.test(call.method)) return;
    const { slot, epoch } = lease;
    const key = JSON.stringify([call.server.id, slot, call.params["uri"]]);
    if (call.method === "resources/unsubscribe") this.#following.delete(key);
    else this.#following.set(key, { call, slot, epoch, link, isPending: false });
  }

  /** Follows a resource again whose instance belongs to another node by now, or whose link was lost. */
  #followAgain(one: Following): void {
    const lease = this.#options.membership.leaseOf(one.call.server.id, one.slot);
    const isFollowed = lease?.epoch === one.epoch && !one.link?.isOver;
    if (isFollowed || one.isPending || !this.#options.row(one.call.server.id)) return;
    one.isPending = true;
    this.call(one.call).catch(() => {
      one.isPending = false;
    });
  }

  async #refresh(): Promise<void> {
    await this.#options.membership.refresh().catch(unavailable);
  }

  /** Waits a moment. @throws AppError when the time of the call is over, or its caller has gone */
  async #wait(call: ServerCall, row: McpServerRow, until: number, lease?: InstanceLease): Promise<void> {
    const { time, membership } = this.#options;
    if (time.elapsed() >= until) {
      const node = lease && membership.nodes.get(lease.nodeId);
      const why = node
        ? `it runs on the server ${node.name}, which does not answer at ${node.url}`
        : "no server of mcpctl has taken it";
      throw new AppError("unavailable", `MCP server ${row.name} is not available: ${why}`, {
        retryAfter: 5,
        ...(node && { hint: "mcpctl server --node-url says where the other servers reach it" }),
      });
    }
    await pause(time, lookTime, call.signal ?? new AbortController().signal);
    if (call.signal?.aborted) throw cancelled(row);
  }
}

/** The log of an instance on another server. */
const noLog = { lastLines: [], redacted: (text: string) => text };

function cancelled({ name }: McpServerRow): AppError {
  return new AppError("client_closed_request", `the call to MCP server ${name} was cancelled`);
}

/** Throws the error of the database as callers may see it. */
function unavailable(error: unknown): never {
  throw error instanceof StoreError ? storeFailure(error) : error;
}
