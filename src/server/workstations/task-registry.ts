import type { AgentCall } from "./agent-call.ts";
import type { AgentWake } from "./wakes.ts";

/** A task of an agent. */
export type AgentTask = AgentCall | AgentWake;

/** The facts that are kept of an ended task, to answer its agent. */
export interface EndedTask {
  readonly sessionId: string;
  /** The user of the session. */
  readonly userId: string;
  readonly attempt: number;
  /** The agent can ask about `done` and `cancelled` tasks. A task that is `gone` is reported as unknown. */
  readonly state: "done" | "cancelled" | "gone";
  readonly lastSeq: number;
}

/** The number of ended tasks that are kept. */
const maxEnded = 1000;

/** The tasks under way, and the last ended ones. */
export class TaskRegistry {
  readonly #running = new Map<string, AgentTask>();
  readonly #ended = new Map<string, EndedTask>();
  /** Promises for the end of a task by its id, or of all tasks by "". */
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();

  get size(): number {
    return this.#running.size;
  }

  /** A copy of the list of tasks under way. */
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

  /** Removes a task. Keeps the facts that its agent may still ask for. */
  remove(id: string, ended: EndedTask): void {
    if (!this.#running.delete(id)) return;
    this.#ended.set(id, ended);
    if (this.#ended.size > maxEnded) this.#ended.delete(this.#ended.keys().next().value!);
    this.#settle(id);
    if (this.#running.size === 0) this.#settle("");
  }

  /** A copy of the list of tasks of a session. */
  of(sessionId: string): AgentTask[] {
    return this.all.filter(({ link }) => link.sessionId === sessionId);
  }

  /** Returns when a task under way has ended. */
  ending(id: string): Promise<void> {
    return this.#wait(id);
  }

  /** Returns when no task is under way. */
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
