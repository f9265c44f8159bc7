import { type Principal, personalIds } from "../../core/access/policy.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import type { McpServers } from "../types.ts";
import { LegacySession, type SessionFacts } from "./legacy-session.ts";
import type { OfferChanges } from "./offer-changes.ts";

/** Milliseconds without a request after which a session ends, unless its client holds a stream. */
const idleLimit = 30 * 60_000;

/** The most sessions of one user. The one that was idle longest ends for a new one. */
const maxPerUser = 2000;

/** The sessions of all clients of legacy revisions. */
export class LegacySessions {
  readonly #sessions = new Map<string, LegacySession>();
  readonly #changes: OfferChanges;
  readonly #elapsed: () => number;

  readonly #servers: Pick<McpServers, "endSession">;

  /** @param elapsed a monotonic clock, in milliseconds */
  constructor(changes: OfferChanges, servers: Pick<McpServers, "endSession">, elapsed: () => number) {
    this.#changes = changes;
    this.#servers = servers;
    this.#elapsed = elapsed;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Returns the sessions of a project, the oldest first, with milliseconds since their begin and their last request. */
  of({ id }: ProjectRow): { session: LegacySession; age: number; idle: number }[] {
    const now = this.#elapsed();
    return [...this.#sessions.values()]
      .filter(({ projectId }) => projectId === id)
      .map((session) => ({ session, age: now - session.begunAt, idle: now - session.usedAt }));
  }

  /** Finds a session. Nobody finds that of another principal or project (T160). */
  find(id: string, principal: Principal, project: ProjectRow): LegacySession | undefined {
    const session = this.#sessions.get(id);
    if (!session || !isOf(session, principal, project)) return undefined;
    session.usedAt = this.#elapsed();
    return session;
  }

  /**
   * Returns a session for one request that names none, because a proxy has taken the header away: with what the principal's
   * latest session of the project agreed on. The client cannot be asked then. Undefined if it has begun none.
   */
  withoutId(principal: Principal, project: ProjectRow): LegacySession | undefined {
    const latest = [...this.#sessions.values()].findLast((session) => isOf(session, principal, project));
    if (!latest) return undefined;
    latest.usedAt = this.#elapsed();
    const { id, revision, client } = latest;
    return new LegacySession({ id, project, principal, revision, capabilities: {}, client }, latest.usedAt);
  }

  begin(facts: SessionFacts): LegacySession {
    const { userId } = facts.principal;
    const own = [...this.#sessions.values()].filter((session) => session.principal.userId === userId);
    if (own.length >= maxPerUser) own.reduce((a, b) => (a.usedAt <= b.usedAt ? a : b)).onEnd();
    const session = new LegacySession(facts, this.#elapsed());
    const remove = this.#changes.add(facts.project, session);
    session.onEnd = () => {
      if (!this.#sessions.delete(session.id)) return;
      remove();
      session.close();
      this.#servers.endSession(personalIds(session.principal).id, session.id);
    };
    this.#sessions.set(session.id, session);
    return session;
  }

  /** Ends the sessions that nobody has used for long, or whose bearer is not valid any more. */
  sweep(isValid: (principal: Principal) => boolean): void {
    const limit = this.#elapsed() - idleLimit;
    for (const session of [...this.#sessions.values()])
      if ((session.usedAt < limit && !session.isBusy) || !isValid(session.principal)) session.onEnd();
  }

  close(): void {
    for (const session of [...this.#sessions.values()]) session.onEnd();
  }
}

/** True for a session of a principal with a project. Whoever acts as a user, or got a new bearer of its token, is another one. */
function isOf(session: LegacySession, principal: Principal, project: ProjectRow): boolean {
  return personalIds(session.principal).id === personalIds(principal).id && session.projectId === project.id;
}
