import { kindOf } from "../../kinds/index.ts";
import { heartbeatMs, leaseMs } from "../../wire/link/constants.ts";
import type { AgentState, LlmState, RegisterResponse } from "../../wire/link/registration.ts";
import { linkRevisions, negotiate } from "../../wire/link/revisions/index.ts";
import type { LinkRevision } from "../../wire/link/revisions/revision.ts";
import type { Principal } from "../core/access/policy.ts";
import type { Caller } from "../core/caller.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { present } from "../core/catalogue/present.ts";
import type { Random } from "../core/ids.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import type { ProviderSession } from "../core/store/types.ts";
import { type ExpiryOptions, endWhatIsOver } from "./expiry.ts";
import { Leases } from "./leases.ts";
import { LlmStatuses, stateOf } from "./llm-statuses.ts";
import { planPublication } from "./publish.ts";
import { parseRegistration, type Registration } from "./registration.ts";
import { RowWrites } from "./row-writes.ts";
import { SessionClaims } from "./session-claims.ts";
import { noSuchSession, SessionRegistry, type SessionState } from "./session-registry.ts";
import { rowsOf } from "./virtual-rows.ts";

export interface ProviderSessionsOptions {
  catalogue: Catalogue;
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds, by a clock that nobody sets. */
  elapsed(): number;
  random: Random;
  /** An id for what the server does by itself. */
  requestId(): string;
  /** Hears of what could not be written; it is tried again with the next look. */
  onError(error: unknown): void;
  /** The revisions of the link protocol that agents may speak; all that there are if it is not given. */
  revisions?: readonly LinkRevision[];
}

/** A session that was taken for a stream, with the revision of the link protocol that its agent speaks. */
export type NegotiatedSession = ProviderSession & { readonly revision: LinkRevision };

type Listener = (sessionId: string, epoch: number) => void;

/**
 * Agents' sessions: who has which, who is there, and what becomes of what they publish. Sessions are named by ids that
 * anybody may know; each belongs to the user who registered it.
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
  readonly #tellSuperseded: Listener;
  readonly #superseded = new Set<Listener>();
  readonly #lapsed = new Set<Listener>();
  #looking: Promise<void> | undefined;
  #closed = false;

  private constructor(options: ProviderSessionsOptions) {
    const told =
      (listeners: ReadonlySet<Listener>): Listener =>
      (sessionId, epoch) => {
        for (const listener of listeners) listener(sessionId, epoch);
      };
    this.#options = options;
    this.#revisions = options.revisions ?? linkRevisions;
    this.#tellSuperseded = told(this.#superseded);
    const registry = new SessionRegistry({ ...options, superseded: this.#tellSuperseded });
    const leases = new Leases(options.elapsed);
    const writes = new RowWrites(options.catalogue);
    const statuses = new LlmStatuses(options, leases, writes);
    this.#expiry = { ...options, registry, leases, writes, statuses, lapsed: told(this.#lapsed) };
    this.#registry = registry;
    this.#claims = new SessionClaims({ ...options, registry, onSuperseded: this.#tellSuperseded });
    this.#leases = leases;
    this.#writes = writes;
    this.#statuses = statuses;
  }

  /** With the sessions that there are. Their agents have 90 s to come back. Throws StoreError. */
  static async open(options: ProviderSessionsOptions): Promise<ProviderSessions> {
    const sessions = new ProviderSessions(options);
    await sessions.#registry.catchUp();
    return sessions;
  }

  /**
   * Takes an agent in: a session, which is the one it names when that is the caller's and of the same machine, and
   * rows for what it publishes. It wins over whoever has the session; streams of the same process stay attached.
   *
   * @param body what was sent, as in `RegisterRequest`
   * @throws AppError `invalid_request` with every fault; `forbidden` without `expose`; `name_taken` with every name
   *   that is not free. Nothing has been written then.
   */
  async register(caller: Caller, body: Record<string, unknown>): Promise<RegisterResponse> {
    const registration = parseRegistration(body, this.#revisions);
    return await this.#writes.inTurn(async () => {
      await this.#registry.catchUp();
      const known = this.#claims.find(caller.principal, registration);
      // Refused before it takes the session over.
      this.#plan(caller, registration, known?.session.id ?? "", known);
      const state = await this.#claims.claim(caller.principal, registration, known);
      const { id: sessionId, epoch } = state.session;
      await this.#writes.commit(() => this.#plan(caller, registration, sessionId, state));
      return {
        providerSessionId: sessionId,
        epoch,
        leaseMs,
        heartbeatMs,
        transports: ["websocket", "sse"],
        llms: this.#shown(caller.principal, registration.llms),
        agents: this.#shown(caller.principal, registration.personas),
      };
    });
  }

  /**
   * Takes a session for a new stream, which wins over any other.
   *
   * @param epoch the last one that the agent knows; without, it is a newcomer
   * @returns the session with its new epoch; `attached` says when the stream is there
   * @throws AppError `not_found`, for another user's session as well; `fenced` when somebody else has come since
   */
  attach(principal: Principal, sessionId: string, epoch?: number): Promise<NegotiatedSession> {
    return this.#writes.inTurn(async () => {
      await this.#registry.catchUp();
      const state = this.#registry.own(principal, sessionId, epoch);
      const revision = negotiate(state.session.protocol, this.#revisions);
      // A newer server has registered it: its agent has to ask this one.
      if (!revision) throw noSuchSession();
      const session = await this.#claims.raise(state, state.session);
      if (!session) throw noSuchSession();
      state.streamEpoch = session.epoch;
      return { ...session, revision };
    });
  }

  /**
   * A call of an agent's: it renews the lease.
   *
   * @throws AppError `not_found`, for another user's session as well; `fenced` when the epoch is not the current one
   */
  check(principal: Principal, sessionId: string, epoch?: number): ProviderSession {
    const state = this.#registry.own(principal, sessionId, epoch);
    this.#registry.hear(state);
    return state.session;
  }

  /** Something has come over its stream: that renews the lease. */
  seen(sessionId: string): void {
    const state = this.#registry.get(sessionId);
    if (state) this.#registry.hear(state);
  }

  /**
   * A stream is there: tasks may be sent. Returns when its llms say so; never throws.
   *
   * @param epoch with which it was attached; nothing happens when another one has been attached since
   */
  async attached(sessionId: string, epoch: number): Promise<void> {
    const state = this.#registry.get(sessionId);
    if (!state || epoch < state.streamEpoch) return;
    // Another process registered while it was being opened.
    if (epoch < state.ownedSince) return this.#tellSuperseded(sessionId, state.ownedSince);
    state.isAttached = true;
    this.#registry.hear(state);
    await this.#settle(state);
  }

  /**
   * A stream has ended: no more tasks, at once. Returns when its llms say so; never throws.
   *
   * @param epoch with which it was attached; nothing happens when another one has been attached since
   */
  async detached(sessionId: string, epoch: number): Promise<void> {
    const state = this.#registry.get(sessionId);
    if (!state || epoch < state.streamEpoch) return;
    state.isAttached = false;
    await this.#settle(state);
  }

  /**
   * How an agent says it is. What it does not publish, and what is no state, is passed over. Returns when its llms say
   * so, or will with the next look, as it says something else all the time; never throws.
   */
  async report(sessionId: string, { draining, llms }: AgentState): Promise<void> {
    const state = this.#registry.get(sessionId);
    if (!state) return;
    this.#registry.hear(state);
    if (typeof draining === "boolean") state.isDraining = draining;
    for (const { kind, name } of rowsOf(this.#options.catalogue.snapshot, sessionId)) {
      if (kind !== "llm" || typeof llms !== "object" || llms === null || !Object.hasOwn(llms, name)) continue;
      const reported = stateOf(llms[name]);
      if (reported) state.reports.set(name, reported);
    }
    if (!this.#closed) await this.#statuses.settleSaid(state);
  }

  /** What the agent of a virtual llm last said of it; undefined when it is not attached, or has said nothing. */
  llmState(llm: LlmRow): Pick<LlmState, "resident" | "inFlight"> | undefined {
    const state = this.#registry.get(String(llm.status.session));
    return state?.isAttached ? state.reports.get(llm.name) : undefined;
  }

  /** Whether there is a stream to send its agent tasks on. */
  isAttached(sessionId: string): boolean {
    return this.#registry.get(sessionId)?.isAttached === true;
  }

  /** Calls back with the new epoch when another process has taken a session over: older streams are to be closed. */
  onSuperseded(listener: Listener): () => void {
    this.#superseded.add(listener);
    return () => this.#superseded.delete(listener);
  }

  /** Calls back with a stream's epoch when nothing has come over it for 90 s, or its user is gone: it is to be closed. */
  onLapsed(listener: Listener): () => void {
    this.#lapsed.add(listener);
    return () => this.#lapsed.delete(listener);
  }

  /** Ends leases, and deletes what nobody has come back for. To be called every few seconds; never throws. */
  lookAfter(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#leases.looked();
    this.#looking ??= this.#writes
      .inTurn(() => endWhatIsOver(this.#expiry))
      .catch(this.#options.onError)
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  /** Nothing more is written when this returns. Rows stay as they are: agents find them so after a restart. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writes.settled();
  }

  async #settle(state: SessionState): Promise<void> {
    if (!this.#closed) await this.#statuses.settle(state);
  }

  #plan(caller: Caller, registration: Registration, sessionId: string, state: SessionState | undefined) {
    const { catalogue, now, random } = this.#options;
    return planPublication({
      snapshot: catalogue.snapshot,
      caller,
      sessionId,
      registration,
      statusOf: ({ name }) => (state ? this.#statuses.of(state, name, "inactive") : "inactive"),
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
