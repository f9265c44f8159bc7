import { AppError } from "../../errors.ts";
import type { LlmState } from "../../wire/link/registration.ts";
import type { Principal } from "../core/access/policy.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { ProviderSession } from "../core/store/types.ts";

/** A session as this server knows it. */
export interface SessionState {
  /** As the database has it; only `seenAt` is older here. */
  session: ProviderSession;
  /** By the clock that nobody sets, in milliseconds. */
  heardAt: number;
  isAttached: boolean;
  /** Of the attach that came last. */
  streamEpoch: number;
  /** Streams that were attached before this epoch are another process's. */
  ownedSince: number;
  /** Whoever has it now took it here. Else another server may have it, or it has not come back since the start. */
  isHere: boolean;
  /** When another server on the same database has heard of it, as `heardAt`. */
  heardElsewhereAt: number;
  isDraining: boolean;
  /** What its agent last said, by the llm's name. */
  reports: Map<string, LlmState>;
  /** How often what it said was written of late, as `heardAt`. */
  writes: { since: number; count: number };
}

export interface SessionRegistryOptions {
  catalogue: Catalogue;
  now(): number;
  elapsed(): number;
  /** A session has been taken over elsewhere: its streams from before that epoch are nobody's. */
  superseded(sessionId: string, epoch: number): void;
}

/** All agents' sessions, in memory: calls of agents do not wait for the database. */
export class SessionRegistry {
  readonly #options: SessionRegistryOptions;
  readonly #byId = new Map<string, SessionState>();

  constructor(options: SessionRegistryOptions) {
    this.#options = options;
  }

  all(): SessionState[] {
    return [...this.#byId.values()];
  }

  /** A user's. */
  of(userId: string): SessionState[] {
    return this.all().filter(({ session }) => session.ownerId === userId);
  }

  get(sessionId: string): SessionState | undefined {
    return this.#byId.get(sessionId);
  }

  /**
   * A session of the principal's.
   *
   * @throws AppError `not_found`, for another user's as well; `fenced` when the epoch is no longer the current one
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
    const { moving } = catalogue.snapshot;
    moving.seen.set(session.id, Math.max(session.seenAt, moving.seen.get(session.id) ?? 0));
    const heardAt = this.#heardAt(session);
    const state: SessionState = {
      session,
      heardAt,
      heardElsewhereAt: heardAt,
      isAttached: false,
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

  /** It has been heard of just now. */
  hear(state: SessionState): void {
    const { catalogue, now, elapsed } = this.#options;
    state.heardAt = elapsed();
    catalogue.snapshot.moving.seen.set(state.session.id, now());
  }

  forget(sessionId: string): void {
    this.#byId.delete(sessionId);
    this.#options.catalogue.snapshot.moving.seen.delete(sessionId);
  }

  /** Takes in what other servers on the same database know: sessions that are new, taken over or heard of there. */
  async catchUp(): Promise<void> {
    const { catalogue, superseded } = this.#options;
    for (const session of await catalogue.store.providerSessions()) {
      const state = this.#byId.get(session.id);
      if (!state) {
        this.add(session);
        continue;
      }
      const heardHere = catalogue.snapshot.moving.seen.get(session.id) ?? 0;
      if (session.seenAt > Math.max(heardHere, state.session.seenAt)) {
        state.heardElsewhereAt = this.#heardAt(session);
        state.heardAt = Math.max(state.heardAt, state.heardElsewhereAt);
      }
      const isTaken = session.epoch > state.session.epoch;
      state.session = session;
      if (!isTaken) continue;
      state.isAttached = false;
      state.isHere = false;
      state.ownedSince = session.epoch;
      superseded(session.id, session.epoch);
    }
  }

  /** When a session was last heard of as far as the database knows; a clock that was set back makes that now. */
  #heardAt({ seenAt }: ProviderSession): number {
    const { now, elapsed } = this.#options;
    return elapsed() - Math.max(0, now() - seenAt);
  }
}

/** Said alike of what is not there and of what is another's. */
export function noSuchSession(): AppError {
  return new AppError("not_found", "there is no such session", { hint: "register again" });
}
