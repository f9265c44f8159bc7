import type { Principal } from "../../core/access/policy.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";

/** Milliseconds for which a gate stays open for the same token or login. */
const lifetime = 60 * 60_000;

/** The most openings that are remembered. The oldest are forgotten. */
const maxOpenings = 20_000;

interface Opening {
  until: number;
  /** The session that opened it, if a client of a legacy revision did. */
  session: string | undefined;
}

/**
 * Remembers for whom a gate was opened: a client that has lost its session, or never had one, is not sent back to the
 * beginning. Each server of mcpctl remembers for itself.
 */
export class Openings {
  readonly #openings = new Map<string, Opening>();
  readonly #hinted = new Set<string>();
  readonly #elapsed: () => number;

  /** @param elapsed a monotonic clock, in milliseconds */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  isOpen(principal: Principal, project: ProjectRow): boolean {
    const opening = this.#openings.get(keyOf(principal, project));
    return opening !== undefined && opening.until > this.#elapsed();
  }

  open(principal: Principal, project: ProjectRow, session: string | undefined): void {
    const key = keyOf(principal, project);
    this.#openings.delete(key);
    this.#openings.set(key, { until: this.#elapsed() + lifetime, session });
    if (this.#openings.size > maxOpenings) this.#openings.delete(this.#openings.keys().next().value!);
  }

  /** Notes that somebody was told something that may not have been shown. True from the second time on. */
  hint(principal: Principal, project: ProjectRow): boolean {
    const key = keyOf(principal, project);
    if (this.#hinted.delete(key)) return true;
    this.#hinted.add(key);
    if (this.#hinted.size > maxOpenings) this.#hinted.delete(this.#hinted.values().next().value!);
    return false;
  }

  close(principal: Principal, project: ProjectRow): void {
    this.#openings.delete(keyOf(principal, project));
  }

  /** Forgets an opening whose client has ended its session in order: the next one begins anew. */
  endSession(principal: Principal, project: ProjectRow, session: string): void {
    const key = keyOf(principal, project);
    if (this.#openings.get(key)?.session === session) this.#openings.delete(key);
  }

  sweep(): void {
    const now = this.#elapsed();
    for (const [key, { until }] of this.#openings) if (until <= now) this.#openings.delete(key);
  }
}

/** A login has its own openings: two devices of one user do not know of each other. */
function keyOf({ id, sessionId }: Principal, project: ProjectRow): string {
  return `${sessionId ?? id} ${project.id}`;
}
