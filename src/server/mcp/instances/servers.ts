import { AppError } from "../../../errors.ts";
import { secret as secretKind } from "../../../kinds/secret.ts";
import type { JsonObject } from "../../../mcp/messages.ts";
import type { RowChange } from "../../core/catalogue/catalogue.ts";
import type { Random } from "../../core/ids.ts";
import {
  type AuthorizationRow,
  isOf,
  isVirtual,
  type McpServerRow,
  type SecretRow,
} from "../../core/store/typed-rows.ts";
import type { McpServers, ServerCall, ServerNotice } from "../types.ts";
import { FairQueue } from "./fair-queue.ts";
import type { NodeFacts } from "./instance-status.ts";
import { Logs } from "./logs/logs.ts";
import { ManagedServer, type ManagedServerOptions } from "./managed-server.ts";
import type { StartServices } from "./open-instance.ts";
import { RowStatuses } from "./row-statuses.ts";
import { type InstanceClaims, needsLease } from "./slots.ts";

export interface ServerInstancesOptions extends Omit<StartServices, "spawns">, NodeFacts {
  random: Random;
  /** Set if several servers share the database: instances belong to one of them. */
  claims?: InstanceClaims;
  onError(error: unknown): void;
}

/** Programs that start at the same time: many would be slower together than one after the other. */
const spawnsAtOnce = 4;

/** Milliseconds between two looks at what is due. */
const tickTime = 1000;

/** The instances of all MCP servers on this host. */
export class ServerInstances implements McpServers {
  readonly logs: Logs;
  readonly #options: ServerInstancesOptions;
  readonly #rows: RowStatuses;
  readonly #serverOptions: ManagedServerOptions;
  readonly #servers = new Map<string, ManagedServer>();
  readonly #listeners = new Set<(notice: ServerNotice) => void>();
  #stopTimer: () => void = () => {};
  #unsubscribe: () => void = () => {};
  #isClosed = false;

  constructor(options: ServerInstancesOptions) {
    this.#options = options;
    this.#rows = new RowStatuses(options);
    const onFull = () =>
      new AppError("unavailable", "too many programs wait to be started", { retryAfter: 5 });
    const waiting = { maxWaiting: 10_000, maxPerCaller: 10_000 };
    this.#serverOptions = {
      ...options,
      rows: this.#rows,
      spawns: new FairQueue({ limit: spawnsAtOnce, ...waiting, onFull }),
      notify: (notice) => {
        for (const listener of this.#listeners) listener(notice);
      },
    };
    this.logs = new Logs({
      programs: options.programs,
      instancesOf: (serverId) => this.#servers.get(serverId)?.instances ?? [],
    });
  }

  /** Ends what an earlier run has left, and lists the servers of projects that were never listed. */
  async start(): Promise<void> {
    const { catalogue, programs, node, onError } = this.#options;
    await this.#rows.removeOf(node);
    const faults = await programs?.sweep((id) => catalogue.snapshot.byId.has(id));
    for (const fault of faults ?? []) onError(new Error(fault));
    this.#unsubscribe = catalogue.subscribe((changes) => this.#follow(changes));
    this.#listUnknown();
    this.#plan();
  }

  subscribe(listener: (notice: ServerNotice) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param number of the instance, where instances belong to nodes */
  call(call: ServerCall, number?: number): Promise<JsonObject> {
    if (this.#isClosed)
      return Promise.reject(new AppError("unavailable", "the server is shutting down", { retryAfter: 5 }));
    return this.#managed(call.server).call(call, number);
  }

  /** Starts an instance that belongs to this node. */
  startAt(server: McpServerRow, number: number): void {
    if (!this.#isClosed) this.#managed(server).start(number);
  }

  /** Returns the calls of an instance of this node; one more if it has to be started. */
  loadOf(serverId: string, slot: string): number {
    return this.#servers.get(serverId)?.loadOf(slot) ?? 1;
  }

  /** True if an instance is in that slot of a server, also one that is ending. */
  occupies(serverId: string, slot: string): boolean {
    return this.#servers.get(serverId)?.occupies(slot) ?? false;
  }

  /** Ends the instances that other nodes may take over. Returns when their processes have ended. */
  async giveUp(reason: string): Promise<void> {
    const { snapshot } = this.#options.catalogue;
    const leased = [...this.#servers].filter(([id]) => {
      const row = snapshot.byId.get(id) as McpServerRow | undefined;
      return !row || needsLease(row.spec);
    });
    await Promise.all(leased.map(([, server]) => server.close(reason)));
  }

  /** Deletes the rows of instances that ran on a node which has gone. */
  async removeRowsOf(node: string): Promise<void> {
    await this.#rows.removeOf(node);
  }

  endSession(principalId: string, session: string): void {
    for (const server of this.#servers.values()) server.endSession(principalId, session);
  }

  /** Returns when no call is under way. Later calls are refused. */
  async drain(): Promise<void> {
    this.#isClosed = true;
    const isBusy = () => this.#all.some(({ queue }) => queue.load > 0);
    while (isBusy()) await Bun.sleep(50);
  }

  /** Ends all instances. Returns when their processes have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#unsubscribe();
    this.#stopTimer();
    const servers = [...this.#servers.values()];
    this.#servers.clear();
    await Promise.all(servers.map((server) => server.close("mcpctl stops")));
    await this.#rows.flush();
  }

  get #all() {
    return [...this.#servers.values()].flatMap(({ instances }) => instances);
  }

  #managed(row: McpServerRow): ManagedServer {
    let server = this.#servers.get(row.id);
    if (!server) {
      const current = this.#options.catalogue.snapshot.byId.get(row.id) as McpServerRow | undefined;
      if (!current) throw new AppError("unavailable", `MCP server ${row.name} was deleted`);
      server = new ManagedServer(current, this.#serverOptions);
      this.#servers.set(row.id, server);
    }
    return server;
  }

  #listUnknown(): void {
    const { snapshot } = this.#options.catalogue;
    for (const name of new Set(snapshot.table("serverattachment").sorted.map((one) => one.name))) {
      const row = snapshot.named("server", name);
      // The agent of a workstation lists its own.
      if (row && !isVirtual(row)) this.#managed(row).listIfUnknown();
    }
  }

  /** Follows the changes of rows: of servers, of their secrets, and of instances that somebody deletes. */
  #follow(changes: readonly RowChange[] | null): void {
    const { snapshot } = this.#options.catalogue;
    if (!changes) {
      // Too many to tell: all servers are compared.
      for (const [id, server] of this.#servers) this.#take(id, snapshot.byId.get(id), server);
      return this.#listUnknown();
    }
    for (const { kind, after, before } of changes) {
      const { id } = (after ?? before)!;
      const server = kind === "server" ? this.#servers.get(id) : undefined;
      if (kind === "server") {
        if (server) this.#take(id, after, server);
        else if (!after) this.#options.programs?.remove(id).catch(this.#options.onError);
      }
      if (isOf(secretKind, before) && isOf(secretKind, after) && hasOtherValues(before, after))
        for (const { fromId } of snapshot.pointersTo.get(id) ?? [])
          this.#servers.get(fromId)?.renew("a secret that it uses has changed");
      if (kind === "authorization")
        this.#followAccess(before as AuthorizationRow | undefined, after as AuthorizationRow | undefined);
      if (kind === "instance" && !after && this.#rows.forget(id))
        for (const one of this.#servers.values()) if (one.restart(id)) break;
    }
    if (changes.some(({ kind }) => kind === "server" || kind === "serverattachment")) this.#listUnknown();
  }

  /** Replaces connections that belong to another account by now, or to nobody any more. */
  #followAccess(before: AuthorizationRow | undefined, after: AuthorizationRow | undefined): void {
    if (before?.status.authorizedAt === after?.status.authorizedAt) return;
    const { serverId, userId = "" } = (after ?? before)!.status;
    const reason = after ? "access was given to it" : "the access that was given was taken back";
    this.#servers.get(serverId)?.renew(reason, { userId, isGiven: after !== undefined });
  }

  #take(id: string, row: unknown, server: ManagedServer): void {
    if (row) return server.update(row as McpServerRow);
    this.#servers.delete(id);
    server
      .close("the server was deleted")
      .then(() => this.#options.programs?.remove(id))
      .catch(this.#options.onError);
  }

  #plan(): void {
    const { time } = this.#options;
    this.#stopTimer = time.after(tickTime, () => {
      for (const server of this.#servers.values()) server.tick();
      this.#plan();
    });
  }
}

/** True if a secret has got other values: each write of them has a ref of its own. */
function hasOtherValues(before: SecretRow, after: SecretRow): boolean {
  return before.status.externalRef !== after.status.externalRef;
}
