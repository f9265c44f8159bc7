import type { AgentCall } from "./agent-call.ts";
import type { AgentWake } from "./wakes.ts";

/** Something that an agent was told to do. */
export type AgentTask = AgentCall | AgentWake;

/** What is still known of a task that is over, so that its agent can be answered. */
export interface EndedTask {
  readonly sessionId: string;
  /** Whose session it is. */
  readonly userId: string;
  readonly attempt: number;
  /** `done` and `cancelled` are told; of all others as little is known as of none. */
  readonly state: "done" | "cancelled" | "gone";
  readonly lastSeq: number;
}

/** So many tasks that are over are remembered. */
const remembered = 1000;

/** The tasks under way, and some that were. */
export class TaskRegistry {
  readonly #running = new Map<string, AgentTask>();
  readonly #ended = new Map<string, EndedTask>();
  /** Whoever waits for a task to end, or "" for all of them. */
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();

  get size(): number {
    return this.#running.size;
  }

  /** As they are now. */
  get all(): AgentTask[] {
    return [...this.#running.values()];
  }

  get(id: string): AgentTask | undefined {
    return this.#running.get(id);
  }

  ended(id: string): EndedTask | undefined {
    return this.#ended.get(id);
  }

  add(task: AgentTask): void {
    this.#running.set(task.id, task);
  }

  /** Forgets all of a task but what its agent may still ask. */
  remove(id: string, ended: EndedTask): void {
    if (!this.#running.delete(id)) return;
    this.#ended.set(id, ended);
    if (this.#ended.size > remembered) this.#ended.delete(this.#ended.keys().next().value!);
    this.#settle(id);
    if (this.#running.size === 0) this.#settle("");
  }

  /** Those of a session, as they are now. */
  of(sessionId: string): AgentTask[] {
    return this.all.filter(({ link }) => link.sessionId === sessionId);
  }

  /** Returns when a task that is under way has ended. */
  ending(id: string): Promise<void> {
    return this.#wait(id);
  }

  /** Returns when none is under way. */
  idle(): Promise<void> {
    return this.#running.size === 0 ? Promise.resolve() : this.#wait("");
  }

  #wait(key: string): Promise<void> {
    const waiting = this.#waiting.get(key) ?? Promise.withResolvers<void>();
    this.#waiting.set(key, waiting);
    return waiting.promise;
  }

  #settle(key: string): void {
    this.#waiting.get(key)?.resolve();
    this.#waiting.delete(key);
  }
}
