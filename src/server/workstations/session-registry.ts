import { AppError } from "../../errors.ts";
import type { LlmState } from "../../wire/link/registration.ts";
import type { Principal } from "../core/access/policy.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { ProviderSession } from "../core/store/types.ts";
import type { WorkstationNames } from "./registration.ts";

/** The state of a session on this server. Times are milliseconds on a monotonic clock. */
export interface SessionState {
  /** The session as the database has it, but for `seenAt`, which is older here. */
  session: ProviderSession;
  /** The time at which any server last heard from the agent. */
  heardAt: number;
  isAttached: boolean;
  /** Time of the attach, in milliseconds since 1970; undefined if it is not attached here. */
  attachedAt: number | undefined;
  /** The names that its agent has given here. */
  about: WorkstationNames;
  /** The epoch of the last attach. */
  streamEpoch: number;
  /** Streams of an older epoch belong to another process. */
  ownedSince: number;
  /**
   * True if its agent registered or attached at this server. If false, the agent may be at another server, or has not
   * come back since this server started.
   */
  isHere: boolean;
  /** The time at which another server on the same database last heard from the agent. */
  heardElsewhereAt: number;
  isDraining: boolean;
  /** The last reported state of each llm, by its name. */
  reports: Map<string, LlmState>;
  /** The number of reports that were written at once since a time. */
  writes: { since: number; count: number };
}

export interface SessionRegistryOptions {
  catalogue: Catalogue;
  now(): number;
  elapsed(): number;
  /** A session was taken at another server: its streams of older epochs must be closed. */
  onSuperseded(sessionId: string, epoch: number): void;
}

/** All sessions of agents, in memory, so that calls of agents do not wait for the database. */
export class SessionRegistry {
  readonly #options: SessionRegistryOptions;
  readonly #byId = new Map<string, SessionState>();

  constructor(options: SessionRegistryOptions) {
    this.#options = options;
  }

  all(): SessionState[] {
    return [...this.#byId.values()];
  }

  /** Returns the sessions of a user. */
  of(userId: string): SessionState[] {
    return this.all().filter(({ session }) => session.ownerId === userId);
  }

  get(sessionId: string): SessionState | undefined {
    return this.#byId.get(sessionId);
  }

  /**
   * Returns a session of the principal's user.
   *
   * @param epoch the epoch of the agent, if it knows one
   * @throws AppError `not_found`, also for another user's session; `fenced` if the epoch is no longer the current one
   */
  own(principal: Principal, sessionId: string, epoch?: number): SessionState {
    const state = this.#byId.get(sessionId);
    if (state?.session.ownerId !== principal.userId) throw noSuchSession();
    if (epoch !== undefined && epoch < state.session.epoch)
      throw new AppError("fenced", "another agent has taken over this session");
    return state;
  }

  add(session: ProviderSession): SessionState {
    const { catalogue } = this.#options;
    const { volatile } = catalogue.snapshot;
    volatile.seen.set(session.id, Math.max(session.seenAt, volatile.seen.get(session.id) ?? 0));
    const heardAt = this.#heardAt(session);
    const state: SessionState = {
      session,
      heardAt,
      heardElsewhereAt: heardAt,
      isAttached: false,
      attachedAt: undefined,
      about: {},
      streamEpoch: 0,
      ownedSince: 0,
      isHere: false,
      isDraining: false,
      reports: new Map(),
      writes: { since: heardAt, count: 0 },
    };
    this.#byId.set(session.id, state);
    return state;
  }

  /** Renews the lease of a session. */
  renew(state: SessionState): void {
    const { catalogue, now, elapsed } = this.#options;
    const { seen } = catalogue.snapshot.volatile;
    const at = elapsed();
    // Other servers see only a contact that is later than the last one, also after the clock was set back.
    const later = (seen.get(state.session.id) ?? 0) + Math.ceil(at - state.heardAt);
    state.heardAt = at;
    seen.set(state.session.id, Math.max(now(), later));
  }

  forget(sessionId: string): void {
    this.#byId.delete(sessionId);
    this.#options.catalogue.snapshot.volatile.seen.delete(sessionId);
  }

  /** Reads the sessions that other servers on the same database have added, taken or heard from. */
  async catchUp(): Promise<void> {
    const { catalogue, onSuperseded } = this.#options;
    for (const session of await catalogue.store.providerSessions()) {
      const state = this.#byId.get(session.id);
      if (!state) {
        this.add(session);
        continue;
      }
      const heardHere = catalogue.snapshot.volatile.seen.get(session.id) ?? 0;
      const isTaken = session.epoch > state.session.epoch;
      // The clock of the other server may be another one: that it has heard from the agent is certain, and not when.
      if (isTaken || session.seenAt > Math.max(heardHere, state.session.seenAt)) {
        state.heardElsewhereAt = this.#options.elapsed();
        state.heardAt = state.heardElsewhereAt;
      }
      state.session = session;
      if (!isTaken) continue;
      state.isAttached = false;
      state.isHere = false;
      state.ownedSince = session.epoch;
      onSuperseded(session.id, session.epoch);
    }
  }

  /**
   * Returns the time at which a session was last heard from, by the database. If the clock was set back, that is now.
   */
  #heardAt({ seenAt }: ProviderSession): number {
    const { now, elapsed } = this.#options;
    return elapsed() - Math.max(0, now() - seenAt);
  }
}

/** Returns the same error for a session that does not exist and for one of another user. */
export function noSuchSession(): AppError {
  return new AppError("not_found", "there is no such session", { hint: "register again" });
}
