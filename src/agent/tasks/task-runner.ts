import type { Log } from "../../log.ts";
import type { Time } from "../../time.ts";
import type { Task } from "../../wire/link/tasks.ts";
import type { Providers } from "../core/provider.ts";
import type { LinkEvents, TaskLine } from "../transports/server-link.ts";
import { runInfer, runWake } from "./run-task.ts";

/** How many tasks are remembered, so that none runs twice. */
const remembered = 4096;
/** How many tasks may be under way: far more than any server of models answers at a time. */
const most = 1024;
/** How long a task's answer outlives the stream that its task came by, in milliseconds: the server waits as long. */
const orphanMs = 15_000;

interface Running {
  line: TaskLine;
  stop: AbortController;
  ended: Promise<void>;
}

export interface TaskRunnerOptions {
  providers: Providers;
  time: Time;
  log: Log;
  /** The server is about to stop. */
  onDrain(): void;
}

/** The tasks that this agent runs. */
export class TaskRunner implements LinkEvents {
  readonly #options: TaskRunnerOptions;
  /** Oldest first. */
  readonly #seen = new Set<string>();
  readonly #running = new Map<string, Running>();
  #draining = false;
  #stopOrphans: (() => void) | undefined;

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
  }

  /** How many are under way. */
  get size(): number {
    return this.#running.size;
  }

  /** Runs a task, unless it has been run. */
  task(task: Task, line: TaskLine): void {
    const key = task.kind === "infer" ? `${task.taskId} ${task.attempt}` : task.taskId;
    if (this.#seen.has(key)) return line.close();
    this.#seen.add(key);
    if (this.#seen.size > remembered) this.#seen.delete(this.#seen.values().next().value!);

    const stop = new AbortController();
    // A new attempt means that the server has given up the one before.
    this.#giveUp(task.taskId);
    line.onGone = () => stop.abort();
    const running: Running = { line, stop, ended: this.#run(task, line, stop.signal) };
    this.#running.set(task.taskId, running);
    void running.ended.finally(() => {
      if (this.#running.get(task.taskId) === running) this.#running.delete(task.taskId);
    });
  }

  cancel(taskId: string): void {
    this.#giveUp(taskId);
  }

  credit(taskId: string, bytes: number): void {
    this.#running.get(taskId)?.line.grant(bytes);
  }

  drain(): void {
    this.#options.onDrain();
  }

  /** The stream is gone: with it the tasks that end with it, and the others when no new one comes in time. */
  linkLost(): void {
    for (const [taskId, { line }] of [...this.#running]) if (line.endsWithLink) this.#giveUp(taskId);
    this.#stopOrphans ??= this.#options.time.after(orphanMs, () => this.abort());
  }

  /** A stream is there again: what runs goes on. */
  linkFound(): void {
    this.#keepOrphans();
  }

  /** Takes no more tasks. Resolves when those that run are over. */
  async finish(): Promise<void> {
    this.#draining = true;
    while (this.#running.size > 0)
      await Promise.all(Array.from(this.#running.values(), ({ ended }) => ended));
  }

  /** Gives up whatever runs. */
  abort(): void {
    this.#keepOrphans();
    for (const taskId of [...this.#running.keys()]) this.#giveUp(taskId);
  }

  #keepOrphans(): void {
    this.#stopOrphans?.();
    this.#stopOrphans = undefined;
  }

  #giveUp(taskId: string): void {
    const running = this.#running.get(taskId);
    if (!running) return;
    this.#running.delete(taskId);
    running.line.close();
    running.stop.abort();
  }

  async #run(task: Task, line: TaskLine, signal: AbortSignal): Promise<void> {
    const { providers, log } = this.#options;
    const provider = providers.published(task.llmName);
    if (this.#draining)
      return line.finish({ error: { kind: "draining", message: "the agent is about to stop" } });
    if (this.#running.size >= most)
      return line.finish({ error: { kind: "busy", message: "the agent takes no more calls now" } });
    if (!provider)
      return line.finish({
        error: { kind: "unknown_llm", message: "the model is not published here any more" },
      });
    const run = { provider, line, signal, log };
    try {
      await (task.kind === "infer" ? runInfer(task, run) : runWake(task, run));
    } catch (error) {
      log.error(`a task failed: ${error instanceof Error ? error.name : "unknown error"}`);
      line.close();
    }
  }
}
