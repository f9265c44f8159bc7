import type { Principal } from "../core/access/policy.ts";
import type { Quotas } from "../core/access/quotas.ts";
import { standing } from "../core/access/standing.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { newId, type Random } from "../core/ids.ts";
import type { ProviderSession } from "../core/store/types.ts";
import { reportsAfter } from "./llm-statuses.ts";
import type { Registration } from "./registration.ts";
import type { SessionRegistry, SessionState } from "./session-registry.ts";

export interface SessionClaimsOptions {
  catalogue: Catalogue;
  registry: SessionRegistry;
  /** Sessions without rows are deleted after 90 s, and count until then. */
  quotas: Quotas;
  /** Milliseconds since 1970. */
  now(): number;
  random: Random;
  /** Another process has taken a session over: streams from before that epoch are to be closed. */
  onSuperseded(sessionId: string, epoch: number): void;
}

/** Claims sessions for agents. Each claim raises the epoch of the session, and wins over every claim before it. */
export class SessionClaims {
  readonly #options: SessionClaimsOptions;

  constructor(options: SessionClaimsOptions) {
    this.#options = options;
  }

  /**
   * Finds the session that a registration names. An agent that did not get the response of its first registration
   * names none: its session is the one that the same process has registered and not attached.
   *
   * @returns undefined if there is none, or if it is of another user or of another machine
   */
  find(principal: Principal, registration: Registration): SessionState | undefined {
    const { sessionId, machineId } = registration;
    if (sessionId === undefined) return this.#unanswered(principal, registration);
    const state = this.#options.registry.get(sessionId);
    if (state?.session.ownerId !== principal.userId) return undefined;
    const known = state.session.machineId;
    return known !== null && machineId !== null && known !== machineId ? undefined : state;
  }

  /**
   * Claims a session for an agent that registers: the one that was found, or a new one.
   *
   * @throws AppError `too_many_requests` if its user has too many sessions
   */
  async claim(
    principal: Principal,
    registration: Registration,
    found: SessionState | undefined,
  ): Promise<SessionState> {
    const { bootId, machineId, protocol } = registration;
    // An agent that does not name its process may be the same process.
    const isOtherProcess = bootId !== null && bootId !== found?.session.bootId;
    const raised =
      found &&
      (await this.raise(found, { protocol, bootId, machineId: machineId ?? found.session.machineId }));
    if (!raised) return await this.#create(principal, registration);
    if (isOtherProcess) {
      found.isAttached = false;
      found.isDraining = false;
      found.ownedSince = raised.epoch;
      this.#options.onSuperseded(raised.id, raised.epoch);
    }
    found.about = registration.about;
    found.reports = reportsAfter(isOtherProcess ? new Map() : found.reports, registration);
    return found;
  }

  /**
   * Raises the epoch of a session.
   *
   * @returns the session with its new epoch; undefined if it was deleted, as with its user
   */
  async raise(
    state: SessionState,
    { bootId, machineId, protocol }: Pick<ProviderSession, "bootId" | "machineId" | "protocol">,
  ): Promise<ProviderSession | undefined> {
    const { catalogue, registry, now } = this.#options;
    const change = { bootId, machineId, protocol, seenAt: now() };
    const raised = await catalogue.store.raiseEpoch(state.session.id, change);
    if (!raised) {
      registry.forget(state.session.id);
      return undefined;
    }
    state.session = raised;
    state.isHere = true;
    registry.renew(state);
    return raised;
  }

  #unanswered({ userId }: Principal, { bootId, machineId }: Registration): SessionState | undefined {
    if (bootId === null || machineId === null) return undefined;
    return this.#options.registry
      .of(userId)
      .find(
        ({ session, isAttached, streamEpoch }) =>
          session.bootId === bootId && session.machineId === machineId && !isAttached && streamEpoch === 0,
      );
  }

  async #create(principal: Principal, registration: Registration): Promise<SessionState> {
    const { protocol, bootId, machineId } = registration;
    const { catalogue, registry, quotas, now, random } = this.#options;
    const ownerId = principal.userId;
    const has = registry.of(ownerId).length;
    const release = quotas.reserve(catalogue.snapshot, principal, "workstations", has);
    const at = now();
    const id = newId("pvs", at, random);
    const session = { id, ownerId, machineId, bootId, protocol, epoch: 1, createdAt: at, seenAt: at };
    await catalogue.store.addProviderSession(session, ...standing(principal)).finally(release);
    const state = registry.add(session);
    state.isHere = true;
    state.about = registration.about;
    state.reports = reportsAfter(new Map(), registration);
    return state;
  }
}
