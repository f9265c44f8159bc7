import type { EndSignal } from "../../end-signal.ts";
import { AppError, callerLeft } from "../../errors.ts";
import { orAborted } from "../../time.ts";
import type { TaskError } from "../../wire/link/tasks.ts";
import type { Deadline, Deadlines } from "../core/deadlines.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import type { AgentResult } from "./agent-result.ts";
import type { LinkSession } from "./link-session.ts";
import { llmSubject, noAgent, reasonOf, taskFailure } from "./task-failure.ts";

/** The largest number of callers that may wait for one llm. */
const maxWaiting = 32;

/** Seconds after which a caller may try again if too many callers wait. */
const fullRetrySeconds = 10;

/** Seconds in which an llm is not woken again after a failed wake. */
const coolDownSeconds = 30;

/** Milliseconds after which a wake fails, whatever limit its agent has: the agent may hang. */
const wakeLimitMs = 15 * 60_000;

/** A wake task of an agent. */
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
  /** Milliseconds on a monotonic clock. */
  elapsed(): number;
  /** Returns the link of an llm's agent. Throws AppError `unavailable` if there is none. */
  linkOf(llm: LlmRow): LinkSession;
  newTaskId(): string;
  onBegun(task: AgentWake): void;
  /** Called once, when no result of the task is taken any more. */
  onOver(task: AgentWake, how: "done" | "cancelled" | "gone"): void;
  /** Makes the llm active. */
  setActive(task: AgentWake): Promise<void>;
}

/** The llms that are being woken. Each has one wake, however many callers wait. */
export class Wakes {
  readonly #options: WakesOptions;
  /** The wakes under way, by the id of the llm. */
  readonly #waking = new Map<string, Wake>();
  readonly #failed = new Map<string, { until: number; message: string }>();

  constructor(options: WakesOptions) {
    this.#options = options;
  }

  /** Returns the milliseconds since a wake of an llm began; undefined if it is not being woken. */
  since(llmId: string): number | undefined {
    const wake = this.#waking.get(llmId);
    return wake && this.#options.elapsed() - wake.startedAt;
  }

  /**
   * Wakes an llm. Returns when it is awake. The wake goes on when callers leave, also when the last one leaves.
   *
   * @throws AppError as `VirtualLlms.wake`
   */
  async wake(llm: LlmRow, signal: EndSignal): Promise<void> {
    if (signal.aborted) throw callerLeft();
    this.#refuseCooling(llm.id);
    const wake = this.#waking.get(llm.id) ?? this.#begin(llm);
    if (wake.waiting >= maxWaiting)
      throw new AppError("too_many_requests", `too many calls wait for llm "${llm.name}" to wake`, {
        retryAfter: fullRetrySeconds,
      });
    wake.waiting++;
    try {
      await orAborted(wake.finished.promise, signal, callerLeft);
    } finally {
      wake.waiting--;
    }
  }

  /** Takes the result of a wake. Every complete result without an error means that the llm is awake. */
  async result(task: AgentWake, result: AgentResult): Promise<void> {
    const wake = this.#waking.get(task.llm.id);
    if (wake?.id !== task.id || wake.isOver) return;
    if (result.is === "error") return this.#refused(wake, result.error);
    if (result.is === "whole" && result.status >= 400)
      return this.#refused(wake, { kind: "wake", message: `it answered ${result.status}` });
    if (result.is !== "whole" && !result.done) return;
    wake.isOver = true;
    try {
      await this.#options.setActive(wake);
      this.#end(wake, "done");
      wake.finished.resolve();
    } catch (cause) {
      this.#end(wake, "done");
      wake.finished.reject(cause);
    }
  }

  /** Fails a wake because its agent has gone. The llm may be woken again at once. */
  lose(task: AgentWake): void {
    const wake = this.#waking.get(task.llm.id);
    if (wake?.id === task.id) this.#fail(wake, noAgent(llmSubject(wake.llmName)), "gone");
  }

  /** Fails all wakes, because the server stops. */
  stop(): void {
    for (const wake of [...this.#waking.values()]) this.lose(wake);
  }

  #begin(llm: LlmRow): Wake {
    const { deadlines, elapsed, linkOf, newTaskId, onBegun } = this.#options;
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
    // Every caller may have left.
    wake.finished.promise.catch(() => {});
    this.#waking.set(llm.id, wake);
    onBegun(wake);
    offerWake(wake);
    return wake;
  }

  #refused(wake: Wake, error: TaskError): void {
    const { kind } = error;
    // The wake recipe has not failed: no cool-down.
    if (kind === "busy" || kind === "draining" || kind === "unknown_llm")
      return this.#fail(wake, taskFailure(llmSubject(wake.llmName), error), "done");
    this.#coolOff(wake, reasonOf(error), "done");
  }

  #coolOff(wake: Wake, reason: string, how: "done" | "cancelled"): void {
    const { elapsed } = this.#options;
    const message = `llm "${wake.llmName}" could not be woken${reason === "" ? "" : `: ${reason}`}`;
    for (const [id, { until }] of this.#failed) if (until <= elapsed()) this.#failed.delete(id);
    this.#failed.set(wake.llm.id, { until: elapsed() + coolDownSeconds * 1000, message });
    this.#fail(wake, new AppError("unavailable", message, { retryAfter: coolDownSeconds }), how);
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
    this.#options.onOver(wake, how);
  }
}

/** Sends a wake task to its agent, and again if the agent comes back by another link. */
export function offerWake({ link, id, llmName }: AgentWake): void {
  link.send({ event: "task", kind: "wake", taskId: id, llmName });
}
