/**
 * What the server calls this agent, and how often it has been claimed. While the agent is not attached its epoch may
 * have been raised without its knowing: what is refused for an old epoch then waits for `settled`.
 */
export class AgentSession {
  /** Undefined until the server has given one. */
  id: string | undefined;
  /** Undefined with a server that gives none. */
  epoch: number | undefined;
  readonly #fenced = Promise.withResolvers<void>();
  #settling: PromiseWithResolvers<void> | undefined = Promise.withResolvers<void>();

  constructor(id: string | undefined) {
    this.id = id;
  }

  /** Resolves when another agent has taken the session over. This one is to stop. */
  get fenced(): Promise<void> {
    return this.#fenced.promise;
  }

  /** The epoch is about to change. */
  unsettle(): void {
    this.#settling ??= Promise.withResolvers();
  }

  /** The epoch is known again. */
  settle(): void {
    this.#settling?.resolve();
    this.#settling = undefined;
  }

  /**
   * The server has refused an epoch as too old.
   *
   * @param signal nobody waits any more
   * @returns whether this agent has a newer one, so that the same can be said again; when not, the session is
   *   another's
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
