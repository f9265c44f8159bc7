import type { Log } from "../../log.ts";
import type { Time } from "../../time.ts";
import type { QuestionAnswer } from "../../wire/link/mcp-calls.ts";
import type { InferTask, McpTask, Task, WakeTask } from "../../wire/link/tasks.ts";
import type { McpServerSet } from "../core/mcp-server.ts";
import type { Providers } from "../core/provider.ts";
import type { LinkEvents, TaskLine, TaskOutcome } from "../transports/server-link.ts";
import { Questions, runMcp } from "./run-mcp.ts";
import { runInfer, runWake } from "./run-task.ts";

/** The ids of so many tasks are remembered, so that none runs twice. */
const remembered = 4096;
/** The most tasks at a time: far more than any model server handles. */
const most = 1024;
/** A task outlives the link that it came by for so many milliseconds. The server waits as long. */
const orphanMs = 15_000;

interface Running {
  kind: Task["kind"];
  line: TaskLine;
  stop: AbortController;
  questions: Questions;
  ended: Promise<void>;
}

export interface TaskRunnerOptions {
  providers: Providers;
  mcpServers: Pick<McpServerSet, "published">;
  time: Time;
  log: Log;
  /** Called when the server is about to stop. */
  onDrain(): void;
}

/** Runs the tasks that the server sends. */
export class TaskRunner implements LinkEvents {
  readonly #options: TaskRunnerOptions;
  /** Keys of the tasks that have run, the oldest first. */
  readonly #seen = new Set<string>();
  readonly #running = new Map<string, Running>();
  /** The ids of those that last until they are cancelled: a stop does not wait for them. */
  readonly #endless = new Set<string>();
  #draining = false;
  #stopOrphans: (() => void) | undefined;

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
  }

  /** Number of tasks that run. */
  get size(): number {
    return this.#running.size;
  }

  /** Runs a task that has not run yet. */
  task(task: Task, line: TaskLine): void {
    const key = "attempt" in task ? `${task.taskId} ${task.attempt}` : task.taskId;
    if (this.#seen.has(key)) return line.close();
    this.#seen.add(key);
    if (this.#seen.size > remembered) this.#seen.delete(this.#seen.values().next().value!);

    const stop = new AbortController();
    // A new attempt means that the server has cancelled the one before.
    this.#giveUp(task.taskId);
    line.onGone = () => stop.abort();
    const questions = new Questions();
    const ended = this.#run(task, line, questions, stop.signal);
    const running: Running = { kind: task.kind, line, stop, questions, ended };
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

  answer(taskId: string, answer: QuestionAnswer): void {
    this.#running.get(taskId)?.questions.answer(answer);
  }

  drain(): void {
    this.#options.onDrain();
  }

  /** Cancels the tasks that end with a lost link, and the others if no new link comes in time. */
  linkLost(): void {
    for (const [taskId, { line }] of [...this.#running]) if (line.endsWithLink) this.#giveUp(taskId);
    this.#stopOrphans ??= this.#options.time.after(orphanMs, () => this.abort());
  }

  /** Keeps the tasks that run, because there is a link again. */
  linkFound(): void {
    this.#keepOrphans();
  }

  /** Refuses new tasks, and ends wakes: the calls that wait for them would be refused. Resolves when those that run are over. */
  async finish(): Promise<void> {
    this.#draining = true;
    for (const taskId of [...this.#endless]) this.#giveUp(taskId);
    const wakes = [...this.#running.values()].filter(({ kind }) => kind === "wake");
    for (const { stop } of wakes) stop.abort();
    await Promise.all(wakes.map(({ line }) => line.finish(draining)));
    while (this.#running.size > 0)
      await Promise.all(Array.from(this.#running.values(), ({ ended }) => ended));
  }

  /** Cancels every task. */
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

  async #run(task: Task, line: TaskLine, questions: Questions, signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    if (this.#draining) return line.finish(draining);
    if (this.#running.size >= most)
      return line.finish({ error: { kind: "busy", message: "the agent is busy" } });
    try {
      if (task.kind === "mcp") await this.#runMcp(task, line, questions, signal);
      else await this.#runModel(task, line, signal);
    } catch (error) {
      log.error(`a task failed: ${error instanceof Error ? error.name : "unknown error"}`);
      line.close();
    }
  }

  async #runMcp(task: McpTask, line: TaskLine, questions: Questions, signal: AbortSignal): Promise<void> {
    const server = this.#options.mcpServers.published(task.serverName);
    if (!server) return line.finish(unpublished("the MCP server"));
    const onEndless = () => void this.#endless.add(task.taskId);
    try {
      await runMcp(task, { server, line, questions, signal, log: this.#options.log, onEndless });
    } finally {
      this.#endless.delete(task.taskId);
    }
  }

  async #runModel(task: InferTask | WakeTask, line: TaskLine, signal: AbortSignal): Promise<void> {
    const { providers, log } = this.#options;
    const provider = providers.published(task.llmName);
    if (!provider) return line.finish(unpublished("the model"));
    const run = { provider, line, signal, log };
    await (task.kind === "infer" ? runInfer(task, run) : runWake(task, run));
  }
}

const draining: TaskOutcome = { error: { kind: "draining", message: "the agent is about to stop" } };

function unpublished(what: string): TaskOutcome {
  return { error: { kind: "unknown_llm", message: `${what} is no longer published here` } };
}
