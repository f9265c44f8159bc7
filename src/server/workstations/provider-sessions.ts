import { callerLeft } from "../../errors.ts";
import { kindOf } from "../../kinds/index.ts";
import { heartbeatMs, leaseMs } from "../../wire/link/constants.ts";
import type { AgentState, LlmState, RegisterResponse } from "../../wire/link/registration.ts";
import { linkRevisions, negotiate } from "../../wire/link/revisions/index.ts";
import type { LinkRevision } from "../../wire/link/revisions/revision.ts";
import type { Principal } from "../core/access/policy.ts";
import type { Quotas } from "../core/access/quotas.ts";
import { standing } from "../core/access/standing.ts";
import type { Caller } from "../core/caller.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { present } from "../core/catalogue/present.ts";
import { RowWrites } from "../core/catalogue/row-writes.ts";
import type { Random } from "../core/ids.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import type { ProviderSession } from "../core/store/types.ts";
import { type ExpiryOptions, endExpired } from "./expiry.ts";
import { Leases } from "./leases.ts";
import { LlmStatuses, stateOf } from "./llm-statuses.ts";
import { planPublication } from "./publish.ts";
import { parseRegistration, type Registration } from "./registration.ts";
import { SessionClaims } from "./session-claims.ts";
import { noSuchSession, SessionRegistry, type SessionState } from "./session-registry.ts";
import { rowsOf } from "./virtual-rows.ts";
import { type Workstation, workstationsFor } from "./workstation-list.ts";

export interface ProviderSessionsOptions {
  catalogue: Catalogue;
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds on a monotonic clock. */
  elapsed(): number;
  random: Random;
  quotas: Quotas;
  /** Returns a request id for an action of the server itself. */
  requestId(): string;
  /** Called with the error of a write that failed. The next check tries it again. */
  onError(error: unknown): void;
  /** The revisions of the link protocol that agents may speak; by default all of them. */
  revisions?: readonly LinkRevision[];
}

/** A session that an agent has taken for a stream, with the revision of the link protocol that the agent speaks. */
export type NegotiatedSession = ProviderSession & { readonly revision: LinkRevision };

type Listener = (sessionId: string, epoch: number) => void;

/**
 * The sessions of workstation agents and the rows that they publish. The id of a session is not secret: a session
 * belongs to the user who registered it.
 */
export class ProviderSessions {
  readonly #options: ProviderSessionsOptions;
  readonly #registry: SessionRegistry;
  readonly #claims: SessionClaims;
  readonly #leases: Leases;
  readonly #writes: RowWrites;
  readonly #statuses: LlmStatuses;
  readonly #expiry: ExpiryOptions;
  readonly #revisions: readonly LinkRevision[];
  readonly #notifySuperseded: Listener;
  readonly #superseded = new Set<Listener>();
  readonly #lapsed = new Set<Listener>();
  #checking: Promise<void> | undefined;
  #closed = false;

  private constructor(options: ProviderSessionsOptions) {
    const notify =
      (listeners: ReadonlySet<Listener>): Listener =>
      (sessionId, epoch) => {
        for (const listener of listeners) listener(sessionId, epoch);
      };
    this.#options = options;
    this.#revisions = options.revisions ?? linkRevisions;
    this.#notifySuperseded = notify(this.#superseded);
    const registry = new SessionRegistry({ ...options, onSuperseded: this.#notifySuperseded });
    const leases = new Leases(options.elapsed);
    const writes = new RowWrites(options.catalogue);
    const statuses = new LlmStatuses(options, leases, writes);
    this.#expiry = { ...options, registry, leases, writes, statuses, onLapsed: notify(this.#lapsed) };
    this.#registry = registry;
    this.#claims = new SessionClaims({ ...options, registry, onSuperseded: this.#notifySuperseded });
    this.#leases = leases;
    this.#writes = writes;
    this.#statuses = statuses;
  }

  /** Reads the sessions from the store. Their agents have 90 s to come back. Throws StoreError. */
  static async open(options: ProviderSessionsOptions): Promise<ProviderSessions> {
    const sessions = new ProviderSessions(options);
    await sessions.#registry.catchUp();
    return sessions;
  }

  /**
   * Registers an agent. It gets the session that it names, if that belongs to the same user and machine, or else a new
   * one. Writes a row for each llm, persona and MCP server that it publishes. Every other agent loses the session; streams of the
   * same process stay attached.
   *
   * @param body the body of the call: `RegisterRequest`, not checked yet
   * @param signal aborts when the agent no longer waits for the response: a registration that has not begun is left out,
   *   so that the agents that still wait have their turn
   * @throws AppError `invalid_request` with every fault; `forbidden` without `expose`; `name_taken` with every name
   *   that is taken. Nothing has been written then.
   */
  async register(
    caller: Caller,
    body: Record<string, unknown>,
    signal?: AbortSignal,
  ): Promise<RegisterResponse> {
    const registration = parseRegistration(body, this.#revisions);
    return await this.#writes.inTurn(async () => {
      if (signal?.aborted) throw callerLeft();
      await this.#registry.catchUp();
      const known = this.#claims.find(caller.principal, registration);
      // Find faults before the session changes hands.
      this.#plan(caller, registration, known?.session.id ?? "", known);
      const state = await this.#claims.claim(caller.principal, registration, known);
      const { id: sessionId, epoch } = state.session;
      await this.#writes.commit(() => {
        const plan = this.#plan(caller, registration, sessionId, state);
        return plan.length === 0 ? plan : [...standing(caller.principal), ...plan];
      });
      return {
        providerSessionId: sessionId,
        epoch,
        leaseMs,
        heartbeatMs,
        transports: ["websocket", "sse"],
        llms: this.#shown(caller.principal, registration.llms),
        agents: this.#shown(caller.principal, registration.personas),
        mcpServers: this.#shown(caller.principal, registration.servers),
      };
    });
  }

  /**
   * Takes a session for a new stream. Older streams of the session lose it.
   *
   * @param epoch the last epoch that the agent knows; undefined if it did not have the session before
   * @param signal aborts when the agent no longer waits for the stream, as in `register`
   * @returns the session with its new epoch. The caller then opens the stream and calls `attached`.
   * @throws AppError `not_found`, also for another user's session; `fenced` if another agent has taken the session
   *   since
   */
  attach(
    principal: Principal,
    sessionId: string,
    epoch?: number,
    signal?: AbortSignal,
  ): Promise<NegotiatedSession> {
    return this.#writes.inTurn(async () => {
      if (signal?.aborted) throw callerLeft();
      await this.#registry.catchUp();
      const state = this.#registry.own(principal, sessionId, epoch);
      const revision = negotiate(state.session.protocol, this.#revisions);
      // A newer server registered this session. Its agent must register again, to negotiate with this server.
      if (!revision) throw noSuchSession();
      const session = await this.#claims.raise(state, state.session);
      if (!session) throw noSuchSession();
      state.streamEpoch = session.epoch;
      return { ...session, revision };
    });
  }

  /**
   * Checks a call of an agent, and renews the lease of its session.
   *
   * @throws AppError `not_found`, also for another user's session; `fenced` if the epoch is not the current one
   */
  check(principal: Principal, sessionId: string, epoch?: number): ProviderSession {
    const state = this.#registry.own(principal, sessionId, epoch);
    this.#registry.renew(state);
    return state.session;
  }

  /** Renews the lease of a session, because its agent has sent something. */
  renew(sessionId: string): void {
    const state = this.#registry.get(sessionId);
    if (state) this.#registry.renew(state);
  }

  /**
   * A stream has opened: tasks may be sent. Returns when the status of its llms is written; never throws.
   *
   * @param epoch the epoch of the stream; ignored if a newer stream is attached
   */
  async attached(sessionId: string, epoch: number): Promise<void> {
    const state = this.#registry.get(sessionId);
    if (!state || epoch < state.streamEpoch) return;
    // Another process has registered since the stream began to open.
    if (epoch < state.ownedSince) return this.#notifySuperseded(sessionId, state.ownedSince);
    state.isAttached = true;
    state.attachedAt = this.#options.now();
    this.#registry.renew(state);
    await this.#settle(state);
  }

  /**
   * A stream has closed: no more tasks are sent. Returns when the status of its llms is written; never throws.
   *
   * @param epoch the epoch of the stream; ignored if a newer stream is attached
   */
  async detached(sessionId: string, epoch: number): Promise<void> {
    const state = this.#registry.get(sessionId);
    if (!state || epoch < state.streamEpoch) return;
    state.isAttached = false;
    await this.#settle(state);
  }

  /**
   * Takes the state that an agent reports. Ignores llms that it does not publish and states that are not valid. Returns
   * when the status of its llms is written; at once if the agent reports changes too often, which are written by the
   * next check. Never throws.
   */
  async report(sessionId: string, { draining, llms }: AgentState): Promise<void> {
    const state = this.#registry.get(sessionId);
    if (!state) return;
    this.#registry.renew(state);
    if (typeof draining === "boolean") state.isDraining = draining;
    for (const { kind, name } of rowsOf(this.#options.catalogue.snapshot, sessionId)) {
      if (kind !== "llm" || typeof llms !== "object" || llms === null || !Object.hasOwn(llms, name)) continue;
      const reported = stateOf(llms[name]);
      if (reported) state.reports.set(name, reported);
    }
    if (!this.#closed) await this.#statuses.settleReport(state);
  }

  /**
   * Returns the last reported state of a virtual llm; undefined if its agent is not attached or has reported nothing.
   */
  llmState(llm: LlmRow): Pick<LlmState, "resident" | "inFlight"> | undefined {
    const state = this.#registry.get(String(llm.status.session));
    return state?.isAttached ? state.reports.get(llm.name) : undefined;
  }

  /** Returns the workstations that a principal may know of. Throws StoreError. */
  async workstations(principal: Principal): Promise<Workstation[]> {
    // Between a claim and its end the registry would take the session for one that another server has (failure mode 261).
    await this.#writes.inTurn(() => this.#registry.catchUp());
    return workstationsFor(principal, {
      snapshot: this.#options.catalogue.snapshot,
      sessions: this.#registry.all(),
      isElsewhere: (state) => this.#statuses.isElsewhere(state),
    });
  }

  /** Returns true if a session has a stream on which tasks can be sent. */
  isAttached(sessionId: string): boolean {
    return this.#registry.get(sessionId)?.isAttached === true;
  }

  /** Calls back with the new epoch when another process has taken a session: streams of older epochs must be closed. */
  onSuperseded(listener: Listener): () => void {
    this.#superseded.add(listener);
    return () => this.#superseded.delete(listener);
  }

  /** Calls back with the epoch of a stream that was silent for 90 s or whose user was deleted: it must be closed. */
  onLapsed(listener: Listener): () => void {
    this.#lapsed.add(listener);
    return () => this.#lapsed.delete(listener);
  }

  /**
   * Checks leases: ends those that are over, and deletes abandoned sessions. Must be called every few seconds; never
   * throws.
   */
  checkLeases(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#leases.checked();
    this.#checking ??= this.#writes
      .inTurn(() => endExpired(this.#expiry))
      .catch(this.#options.onError)
      .finally(() => {
        this.#checking = undefined;
      });
    return this.#checking;
  }

  /** Returns when the last write is done. Rows are left as they are: agents come back to them after a restart. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writes.settled();
  }

  async #settle(state: SessionState): Promise<void> {
    if (!this.#closed) await this.#statuses.settle(state);
  }

  #plan(caller: Caller, registration: Registration, sessionId: string, state: SessionState | undefined) {
    const { catalogue, quotas, now, random } = this.#options;
    return planPublication({
      snapshot: catalogue.snapshot,
      quotas,
      caller,
      sessionId,
      registration,
      statusOf: ({ name }) => (state ? this.#statuses.of(state, name, "inactive") : "inactive"),
      isOnline: (before) => state !== undefined && this.#statuses.isOnline(state, before),
      isHeld: (other) => {
        const holder = this.#registry.get(other);
        return holder !== undefined && (holder.isAttached || !this.#leases.isOver(holder.heardAt));
      },
      now: now(),
      random,
    });
  }

  #shown(principal: Principal, publications: readonly { kind: { kind: string }; name: string }[]) {
    const { catalogue, now } = this.#options;
    const { snapshot } = catalogue;
    const view = { principal, snapshot, now: now() };
    return publications.flatMap(({ kind, name }) => {
      const row = snapshot.named(kind.kind, name);
      return row ? [present(kindOf(kind.kind), row, view)] : [];
    });
  }
}
