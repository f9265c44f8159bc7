import { newestRevision } from "../../wire/link/revisions/index.ts";
import type { LinkRevision } from "../../wire/link/revisions/revision.ts";

/**
 * The agent's session at the server: its id, and the epoch that the server raises with each claim. While the agent is
 * not attached the epoch can rise unnoticed; a call that is refused for an old epoch then waits until it is known again.
 */
export class AgentSession {
  /** Undefined until the server has given one. */
  id: string | undefined;
  /** Undefined with a server that has no epochs. */
  epoch: number | undefined;
  /** The revision of the link protocol that the server knows. */
  revision: LinkRevision = newestRevision;
  readonly #fenced = Promise.withResolvers<void>();
  #settling: PromiseWithResolvers<void> | undefined = Promise.withResolvers<void>();

  constructor(id: string | undefined) {
    this.id = id;
  }

  /** Resolves when another agent has taken over the session. This agent must stop then. */
  get fenced(): Promise<void> {
    return this.#fenced.promise;
  }

  /** Marks the epoch as about to change. */
  unsettle(): void {
    this.#settling ??= Promise.withResolvers();
  }

  /** Marks the epoch as known. */
  settle(): void {
    this.#settling?.resolve();
    this.#settling = undefined;
  }

  /**
   * Decides about a call that the server has refused because of an old epoch.
   *
   * @param epoch the epoch of the call
   * @param signal ends the wait for an epoch that is about to change
   * @returns true if this agent has a newer epoch, so that the call can be repeated; otherwise the session is fenced
   */
  async refused(epoch: number | undefined, signal: AbortSignal): Promise<boolean> {
    const aborted = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => aborted.resolve(), { once: true });
    await Promise.race([this.#settling?.promise, aborted.promise]);
    if (signal.aborted) return false;
    if ((this.epoch ?? 0) > (epoch ?? 0)) return true;
    this.#fenced.resolve();
    return false;
  }
}
