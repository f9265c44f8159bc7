import { join } from "node:path";
import { AppError } from "../../../errors.ts";
import type { JsonObject, RpcNotification } from "../../../mcp/messages.ts";
import { legacyRevisions } from "../../../mcp/revisions.ts";
import { McpFailure } from "../../../mcp/rpc-error.ts";
import { readListing } from "../../../mcp/upstream/listing.ts";
import { Relisting } from "../../../mcp/upstream/relisting.ts";
import type { Time } from "../../../time.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import { type CallerGroup, everybody, groupOf } from "../caller-group.ts";
import type { McpCaller, ServerCall, ServerNotice } from "../types.ts";
import { callInstance } from "./call-instance.ts";
import type { McpConnection } from "./connection.ts";
import { followAgain } from "./follow-again.ts";
import { checkSettings } from "./health-check.ts";
import { Instance, type InstanceOwner, type InstanceSettings } from "./instance.ts";
import { InstanceGroups } from "./instance-groups.ts";
import { costOf, instanceStatus, type NodeFacts } from "./instance-status.ts";
import { lacksListing, listingGroup, userGroup } from "./listing-need.ts";
import { failedStatus, hasOtherTools, keepListing } from "./listings.ts";
import { InstanceLog } from "./logs/instance-log.ts";
import { openInstance, type StartServices } from "./open-instance.ts";
import type { RowStatuses } from "./row-statuses.ts";
import { folderOf, freeNumber, type InstanceClaims, needsLease, restartFields, slotOf } from "./slots.ts";
import { waitForTurn } from "./wait-for-turn.ts";

export interface ManagedServerOptions extends StartServices, NodeFacts {
  rows: RowStatuses;
  /** Set if several servers share the database: instances belong to one of them. */
  claims?: InstanceClaims;
  notify(notice: ServerNotice): void;
  onError(error: unknown): void;
}

type RetireTest = (instance: Instance, index: number, group: CallerGroup) => boolean;

/** Milliseconds that a server has to list what it has. */
const listTime = 30_000;

/** One MCP server and its instances on this host. */
export class ManagedServer implements InstanceOwner {
  readonly time: Time;
  readonly #options: ManagedServerOptions;
  readonly #groups = new InstanceGroups();
  readonly #relisting: Relisting<McpConnection>;
  /** Instances that are not called any more, until they have ended, with their slots. */
  readonly #ending = new Map<Promise<void>, string>();
  #row: McpServerRow;
  #isTakenForOld = false;

  constructor(row: McpServerRow, options: ManagedServerOptions) {
    this.#row = row;
    this.#options = options;
    this.time = options.time;
    this.#relisting = new Relisting(options.time, (connection) => this.#list(connection));
  }

  get serverName(): string {
    return this.#row.name;
  }

  get instances(): Instance[] {
    return this.#groups.all;
  }

  settings(): InstanceSettings {
    const { url, callSeconds, idleMinutes } = this.#row.spec;
    return {
      isRemote: url !== undefined,
      wasListed: this.#row.status.listedAt !== undefined,
      callTime: callSeconds * 1000,
      idleTime: idleMinutes * 60_000,
    };
  }

  /** True if an instance is in that slot, also one that is ending. */
  occupies(slot: string): boolean {
    return this.#groups.in(slot) !== undefined || [...this.#ending.values()].includes(slot);
  }

  /** Returns the calls of an instance; one more if it has to be started. */
  loadOf(slot: string): number {
    const { queue, connection } = this.#groups.in(slot) ?? {};
    return (queue?.load ?? 0) + (connection ? 0 : 1);
  }

  /** Starts an instance that belongs to this node. */
  start(number: number): void {
    this.#startAll([this.#at(everybody, number)]);
  }

  /**
   * Calls the server.
   *
   * @param number of the instance, where instances belong to nodes
   * @throws RpcError of the server; AppError if there is no answer
   */
  async call(call: ServerCall, number?: number): Promise<JsonObject> {
    const { method, params, caller } = call;
    const uri = /^resources\/(un)?subscribe$/.test(method) ? String(params["uri"]) : undefined;
    // One of the instances follows resources, so that none is told twice.
    const own = number === undefined ? undefined : this.#at(this.#groupOf(caller), number);
    const instance = own ?? (uri === undefined ? this.#instanceFor(caller) : this.#instanceGroup(caller)[0]!);
    if (uri !== undefined && method === "resources/unsubscribe") {
      instance.followed.delete(uri);
      // One that has stopped follows nothing any more, and is not started for this.
      if (!instance.connection) return {};
    }
    if (!instance.queue.tryEnter())
      await waitForTurn(instance.queue, call, this.settings().callTime, this.time);
    instance.underWay.add(call);
    try {
      const result = await callInstance(instance, call, this.time, () => this.#row);
      if (uri !== undefined && method === "resources/subscribe") instance.followed.add(uri);
      return result;
    } finally {
      instance.underWay.delete(call);
      instance.queue.leave();
      const { catalogue, now } = this.#options;
      const use = catalogue.snapshot.volatile.instances.get(instance.id);
      if (use) use.lastUsedAt = now();
    }
  }

  /** Starts an instance to list what the server has, if it is attached to a project and that is not known. */
  listIfUnknown(): void {
    const { url, replicas } = this.#row.spec;
    // A server of mcpctl without a folder for programs leaves them alone.
    if (!this.#isMissing || replicas === 0 || (url === undefined && !this.#options.programs)) return;
    const group = listingGroup(this.#row, this.#options.catalogue.snapshot);
    if (!group) return;
    const any = this.#groups.all.find(({ key }) => key === group.key);
    if (any || !this.#isLeased) return this.#startToList(any ?? this.#instancesOf(group, 1)[0]!);
    const { claims, onError } = this.#options;
    const list = (own = 0) => own > 0 && this.#isMissing && this.#startToList(this.#at(group, own));
    claims?.claim(this.#row.id, slotOf(group, 1), group === everybody ? 1 : undefined).then(list, onError);
  }

  #startToList(instance: Instance): void {
    if (instance.state !== "stopped") return;
    instance.start().then(
      () => {
        // Callers of other kinds of sharing have instances of their own.
        if (this.#row.spec.sharing !== "shared") this.#retireAll((one) => one.key === "", "listed", 0);
      },
      () => undefined,
    );
  }

  /** Takes the row after a change. */
  update(row: McpServerRow): void {
    const before = this.#row;
    this.#row = row;
    const { spec } = row;
    if (restartFields.some((field) => !Bun.deepEquals(before.spec[field], spec[field])))
      return this.renew("the fields of the server have changed");
    if (spec.replicas === before.spec.replicas) return;
    if (spec.replicas === 0) return this.#retireAll(() => true, "replicas is 0", 0);
    const isOver = ({ key, number }: Instance, i: number) =>
      key === "" && (this.#isLeased ? number > spec.replicas : i >= spec.replicas);
    this.#retireAll(isOver, "there are fewer replicas", this.settings().callTime);
    const shared = this.#groups.all.filter(({ key }) => key === "");
    if (!this.#isLeased && shared.some(({ connection }) => connection)) this.#startAll(this.#instanceGroup());
    this.listIfUnknown();
  }

  /**
   * Replaces all instances, or those whose access has changed. Calls under way may finish on the old ones.
   *
   * @param access that of a user, or of `""` for the instances that users share
   */
  renew(reason: string, access?: { userId: string; isGiven: boolean }): void {
    const isOf = (group: CallerGroup) => access === undefined || group.userId === access.userId;
    const followers = this.#groups.followers().filter(({ group }) => isOf(group));
    this.#retireAll((_, __, group) => isOf(group), reason, this.settings().callTime);
    // Under another kind of sharing these callers have other instances.
    for (const { group, number, uris } of followers) {
      const isSame = (group.key === "") === (this.#row.spec.sharing === "shared");
      if (!isSame || this.#row.spec.replicas === 0) continue;
      const instance = this.#isLeased ? this.#at(group, number) : this.#instancesOf(group, 1)[0]!;
      for (const uri of uris) instance.followed.add(uri);
      instance.start().catch(() => undefined);
    }
    // It is seen at once if the access works.
    if (access?.isGiven && !this.#isLeased && this.#row.spec.replicas > 0)
      this.#startAll(this.#instancesOf(userGroup(access.userId), 1));
    this.listIfUnknown();
  }

  /** Starts an instance again whose row somebody has deleted. Returns false if it is not one of these. */
  restart(instanceId: string): boolean {
    const instance = this.#groups.all.find(({ id }) => id === instanceId);
    if (!instance) return false;
    this.#options.catalogue.snapshot.volatile.instances.delete(instance.id);
    instance.id = this.#options.rows.newId();
    instance.restarts++;
    const wasRunning = instance.state !== "stopped";
    instance
      .stop("it was deleted, which starts it again")
      .then(() => (wasRunning || this.#isMissing ? instance.start() : undefined))
      .catch(() => undefined);
    return true;
  }

  /** Ends the instances of a client's session. */
  endSession(principalId: string, session: string): void {
    const taken = this.#groups.take(
      (group) => group.session === session && group.principalId === principalId,
    );
    for (const instance of taken) this.#end(instance, "the session has ended", 0);
  }

  /** Does what is due. */
  tick(): void {
    const check = checkSettings(this.#row, (connection, tools, isAll) => {
      if (hasOtherTools(this.#row, tools, isAll)) this.#relisting.request(connection);
    });
    for (const instance of this.#groups.all) instance.tick(check);
    const unused = this.#groups.take(({ key }, { state }) => key !== "" && state === "stopped");
    for (const instance of unused) this.#end(instance, "idle", 0);
  }

  /** Ends all instances. Returns when their processes have ended. */
  async close(reason: string): Promise<void> {
    this.#retireAll(() => true, reason, 0);
    await Promise.all(this.#ending.keys());
  }

  async open(
    instance: Instance,
    signal: AbortSignal,
    onClose: (reason: Error) => void,
  ): Promise<McpConnection> {
    const { rows, now } = this.#options;
    const server = this.#row;
    let opened: McpConnection | undefined;
    try {
      const { connection, listing } = await openInstance(this.#options, {
        server,
        instance,
        userId: this.#groups.callersOf(instance)?.userId ?? "",
        folder: folderOf(instance),
        revision: server.status.protocol ?? (this.#isTakenForOld ? legacyRevisions[0] : undefined),
        signal,
        onClose,
        onNotification: (notification) => this.#notified(instance, notification, opened),
      });
      opened = connection;
      const { facts } = connection.upstream;
      await keepListing(rows, server, {
        listing,
        facts,
        conditions: connection.conditions,
        at: new Date(now()).toISOString(),
        isShared: server.spec.sharing === "shared",
      });
      followAgain(instance, connection, listTime);
      return connection;
    } catch (error) {
      await opened?.close();
      // Some old programs end when they are asked what they do not know. The next start begins with what all know.
      const isEnded = server.spec.url === undefined && error instanceof McpFailure && error.kind === "closed";
      if (isEnded && server.status.protocol === undefined) this.#isTakenForOld = !this.#isTakenForOld;
      throw error;
    }
  }

  isWanted({ usedAt, followed, failure }: Instance): boolean {
    if (this.#isMissing || followed.size > 0) return true;
    // A refused key is not sent again and again: many services lock an account for that.
    if (failure?.isFinal && failure.type === "NeedsAuthorization") return false;
    const { idleTime } = this.settings();
    return idleTime === 0 || this.time.elapsed() - usedAt < idleTime;
  }

  changed(instance: Instance): void {
    const { rows, catalogue, onError } = this.#options;
    const { instances } = catalogue.snapshot.volatile;
    if (!this.#groups.all.includes(instance)) return;
    if (!instances.has(instance.id)) {
      instances.set(instance.id, {
        calls: () => instance.queue.load,
        memoryMb: () => instance.connection?.memoryMb?.(),
      });
    }
    rows.set(instance.id, {
      serverId: this.#row.id,
      name: `${this.#row.name}-${instance.number}`,
      isOwn: this.#isLeased,
      status: instanceStatus(instance, this.#row.name, this.#options),
    });
    const { failure, state } = instance;
    if (!failure || (state !== "failed" && state !== "backoff")) return;
    rows.change(this.#row.id, (row) => failedStatus(row, failure, instance.key !== "")).catch(onError);
  }

  get #isMissing(): boolean {
    return lacksListing(this.#row, this.#options.catalogue.snapshot);
  }

  /** True if each instance belongs to one of several nodes. */
  get #isLeased(): boolean {
    return this.#options.claims !== undefined && needsLease(this.#row.spec);
  }

  #groupOf(caller: McpCaller): CallerGroup {
    const { sharing, replicas } = this.#row.spec;
    if (replicas > 0) return groupOf(sharing, caller);
    throw new AppError("unavailable", `MCP server ${this.#row.name} is stopped: its replicas are 0`);
  }

  /** Returns the instance with a number, which belongs to this node. */
  #at(group: CallerGroup, number: number): Instance {
    const end = (instance: Instance) => this.#end(instance, "others need its place", 0);
    return this.#groups.at(group, number, () => this.#make(group.key, number), end);
  }

  /** Returns the instance that has the fewest calls of those that a caller may use. */
  #instanceFor(caller: McpCaller): Instance {
    const instances = this.#instanceGroup(caller);
    if (instances.length > 1) this.#startAll(instances);
    const [first, ...others] = instances;
    return others.reduce((best, one) => (costOf(one) < costOf(best) ? one : best), first!);
  }

  #instanceGroup(caller?: McpCaller): readonly Instance[] {
    const group = caller ? this.#groupOf(caller) : everybody;
    return this.#instancesOf(group, group.key === "" ? this.#row.spec.replicas : 1);
  }

  #instancesOf(group: CallerGroup, count: number): readonly Instance[] {
    const make = () => this.#make(group.key);
    return this.#groups.of(group, count, make, (instance) => this.#end(instance, "others need its place", 0));
  }

  #startAll(instances: readonly Instance[]): void {
    for (const instance of instances)
      if (instance.state === "stopped" && !instance.connection) instance.start().catch(() => undefined);
  }

  #make(key: string, wanted?: number): Instance {
    const { rows, programs, now, catalogue, node } = this.#options;
    const taken = new Set(this.#groups.all.map(({ number }) => number));
    const number = wanted ?? freeNumber(this.#row.name, taken, catalogue.snapshot, node);
    const path = programs && join(programs.logsOf(this.#row.id), `${number}.log`);
    return new Instance(this, { id: rows.newId(), number, key, log: new InstanceLog({ path, now }) });
  }

  #retireAll(holds: RetireTest, reason: string, longest: number): void {
    for (const instance of this.#groups.take((group, one, i) => holds(one, i, group)))
      this.#end(instance, reason, longest);
  }

  /** Ends an instance that is in no group any more, when its calls are over or after a time in milliseconds. */
  #end(instance: Instance, reason: string, longest: number): void {
    const { rows, catalogue, programs, onError } = this.#options;
    rows.remove(instance.id);
    catalogue.snapshot.volatile.instances.delete(instance.id);
    const isOfSession = instance.key.includes(" ");
    const ended = (longest > 0 ? instance.retire(reason, longest) : instance.end(reason))
      .then(() => (isOfSession ? programs?.removeFolder(this.#row.id, folderOf(instance)) : undefined))
      .catch(onError)
      .then(() => void this.#ending.delete(ended));
    this.#ending.set(ended, slotOf(instance, instance.number));
  }

  #notified(instance: Instance, notification: RpcNotification, connection: McpConnection | undefined): void {
    if (/^notifications\/(?:tools|prompts|resources)\/list_changed$/.test(notification.method)) {
      if (connection) this.#relisting.request(connection);
      return;
    }
    const callers = this.#groups.callersOf(instance);
    // It does not say to which call it belongs. Only where all are of the same callers is it known who may read it.
    if (notification.method === "notifications/message") return callers && instance.tellCaller(notification);
    this.#options.notify({
      serverId: this.#row.id,
      notification,
      ...(callers && {
        for: {
          principalId: callers.principalId,
          ...(callers.session !== undefined && { session: callers.session }),
        },
      }),
    });
  }

  async #list(connection: McpConnection): Promise<void> {
    const { rows, now } = this.#options;
    const { server, upstream, conditions } = connection;
    const at = new Date(now()).toISOString();
    const isShared = this.#row.spec.sharing === "shared";
    try {
      const listing = await readListing(upstream, listTime);
      await keepListing(rows, server, { listing, facts: upstream.facts, conditions, at, isShared });
    } catch {
      // The lists stay as they were; a server that does not answer fails its health check.
    }
  }
}
