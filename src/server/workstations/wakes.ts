import { AppError } from "../../errors.ts";
import type { TaskError } from "../../wire/link/tasks.ts";
import type { Deadline, Deadlines } from "../core/deadlines.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import type { AgentResult } from "./agent-result.ts";
import type { LinkSession } from "./link-session.ts";
import { noAgent, reasonOf, taskFailure } from "./task-failure.ts";

/** So many callers may wait for one llm. */
const mostWaiting = 32;

/** Seconds after which a caller for whom there was no room may come again. */
const fullRetry = 10;

/** An llm that could not be woken is left alone for so long, in seconds. */
const coolDown = 30;

/** However long its agent means to wait: one that has hung is given up. Milliseconds. */
const wakeLimitMs = 15 * 60_000;

/** An llm that its agent was told to wake. */
export interface AgentWake {
  readonly id: string;
  readonly llm: LlmRow;
  readonly llmName: string;
  readonly attempt: number;
  link: LinkSession;
}

interface Wake extends AgentWake {
  readonly startedAt: number;
  readonly finished: PromiseWithResolvers<void>;
  readonly limit: Deadline;
  waiting: number;
  isOver: boolean;
}

export interface WakesOptions {
  deadlines: Deadlines;
  /** Milliseconds, from a clock that nobody sets. */
  elapsed(): number;
  /** The link of an llm's agent. Throws AppError `unavailable` when there is none. */
  linkOf(llm: LlmRow): LinkSession;
  newTaskId(): string;
  begun(task: AgentWake): void;
  /** Nothing of it is heard any more. */
  over(task: AgentWake, how: "done" | "cancelled" | "gone"): void;
  /** Has it counted as active. */
  awake(task: AgentWake): Promise<void>;
}

/** Llms that are being woken: each once, however many wait for it. */
export class Wakes {
  readonly #options: WakesOptions;
  /** By the id of the llm. */
  readonly #waking = new Map<string, Wake>();
  readonly #failed = new Map<string, { until: number; message: string }>();

  constructor(options: WakesOptions) {
    this.#options = options;
  }

  /** For how long an llm has been being woken, in milliseconds; undefined when it is not. */
  since(llmId: string): number | undefined {
    const wake = this.#waking.get(llmId);
    return wake && this.#options.elapsed() - wake.startedAt;
  }

  /**
   * Returns when an llm is awake. Who leaves by its signal does not end the wake, also as the last one.
   *
   * @throws AppError as `VirtualLlms.wake`
   */
  async wake(llm: LlmRow, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw wentAway();
    this.#refuseCooling(llm.id);
    const wake = this.#waking.get(llm.id) ?? this.#begin(llm);
    if (wake.waiting >= mostWaiting)
      throw new AppError("too_many_requests", `too many calls wait for llm "${llm.name}" to wake`, {
        retryAfter: fullRetry,
      });
    wake.waiting++;
    const left = Promise.withResolvers<void>();
    const leave = () => left.reject(wentAway());
    signal.addEventListener("abort", leave);
    try {
      await Promise.race([wake.finished.promise, left.promise]);
    } finally {
      wake.waiting--;
      signal.removeEventListener("abort", leave);
    }
  }

  /** What the agent says of a wake: anything that is neither an error nor unfinished means that it is awake. */
  async result(task: AgentWake, result: AgentResult): Promise<void> {
    const wake = this.#waking.get(task.llm.id);
    if (wake?.id !== task.id || wake.isOver) return;
    if (result.is === "error") return this.#refused(wake, result.error);
    if (result.is === "whole" && result.status >= 400)
      return this.#refused(wake, { kind: "wake", message: `it answered ${result.status}` });
    if (result.is !== "whole" && !result.done) return;
    wake.isOver = true;
    try {
      await this.#options.awake(wake);
      this.#end(wake, "done");
      wake.finished.resolve();
    } catch (cause) {
      this.#end(wake, "done");
      wake.finished.reject(cause);
    }
  }

  /** The agent has gone: not the llm's fault, so that it may be woken again at once. */
  lose(task: AgentWake): void {
    const wake = this.#waking.get(task.llm.id);
    if (wake?.id === task.id) this.#fail(wake, noAgent(wake.llmName), "gone");
  }

  /** Gives up all of them: nobody can be told to wake anything any more. */
  stop(): void {
    for (const wake of [...this.#waking.values()]) this.lose(wake);
  }

  #begin(llm: LlmRow): Wake {
    const { deadlines, elapsed, linkOf, newTaskId, begun } = this.#options;
    const wake: Wake = {
      id: newTaskId(),
      llm,
      llmName: llm.name,
      attempt: 1,
      link: linkOf(llm),
      startedAt: elapsed(),
      finished: Promise.withResolvers(),
      limit: deadlines.after(wakeLimitMs, () => {
        wake.link.send({ event: "cancel", taskId: wake.id });
        this.#coolOff(wake, "it took too long", "cancelled");
      }),
      waiting: 0,
      isOver: false,
    };
    // There may be nobody left who waits for it.
    wake.finished.promise.catch(() => {});
    this.#waking.set(llm.id, wake);
    begun(wake);
    offerWake(wake);
    return wake;
  }

  #refused(wake: Wake, error: TaskError): void {
    const { kind } = error;
    // Not the recipe's fault.
    if (kind === "busy" || kind === "draining" || kind === "unknown_llm")
      return this.#fail(wake, taskFailure(wake.llmName, error), "done");
    this.#coolOff(wake, reasonOf(error), "done");
  }

  #coolOff(wake: Wake, reason: string, how: "done" | "cancelled"): void {
    const { elapsed } = this.#options;
    const message = `llm "${wake.llmName}" could not be woken${reason === "" ? "" : `: ${reason}`}`;
    for (const [id, { until }] of this.#failed) if (until <= elapsed()) this.#failed.delete(id);
    this.#failed.set(wake.llm.id, { until: elapsed() + coolDown * 1000, message });
    this.#fail(wake, new AppError("unavailable", message, { retryAfter: coolDown }), how);
  }

  #refuseCooling(llmId: string): void {
    const failed = this.#failed.get(llmId);
    if (!failed) return;
    const rest = Math.ceil((failed.until - this.#options.elapsed()) / 1000);
    if (rest > 0) throw new AppError("unavailable", failed.message, { retryAfter: rest });
  }

  #fail(wake: Wake, failure: Error, how: "done" | "cancelled" | "gone"): void {
    this.#end(wake, how);
    wake.finished.reject(failure);
  }

  #end(wake: Wake, how: "done" | "cancelled" | "gone"): void {
    wake.isOver = true;
    wake.limit.cancel();
    this.#waking.delete(wake.llm.id);
    this.#options.over(wake, how);
  }
}

/** Tells an agent to wake an llm; again when it goes on by another link. */
export function offerWake({ link, id, llmName }: AgentWake): void {
  link.send({ event: "task", kind: "wake", taskId: id, llmName });
}

function wentAway(): AppError {
  return new AppError("client_closed_request", "the caller went away");
}
