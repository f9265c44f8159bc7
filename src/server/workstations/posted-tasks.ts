import { AppError } from "../../errors.ts";
import { creditBytes } from "../../wire/link/constants.ts";
import type { ResultResponse } from "../../wire/link/tasks.ts";
import type { Principal } from "../core/access/policy.ts";
import { AgentCall } from "./agent-call.ts";
import { readResultInTurns } from "./agent-result.ts";
import type { LinkSessions } from "./link-sessions.ts";
import type { ProviderSessions } from "./provider-sessions.ts";
import type { AgentTask, EndedTask, TaskRegistry } from "./task-registry.ts";
import type { Wakes } from "./wakes.ts";

/**
 * An agent that posts faster than its caller reads waits at most this many milliseconds for the answer: less than the
 * time after which agents give a connection up for lost.
 */
const holdMs = 5000;

export interface PostedTasksOptions {
  sessions: Pick<ProviderSessions, "check">;
  tasks: TaskRegistry;
  links: Pick<LinkSessions, "adopt" | "end">;
  wakes: Wakes;
}

/** The calls over HTTP by which agents accept tasks and post results. */
export class PostedTasks {
  readonly #options: PostedTasksOptions;

  constructor(options: PostedTasksOptions) {
    this.#options = options;
  }

  /**
   * Accepts a task for an agent.
   *
   * @returns the request, if the task did not hold it, as JSON text
   * @throws AppError `gone` if the agent does not have the task; `conflict` if it is no longer on offer; `fenced`
   */
  accept(
    principal: Principal,
    taskId: string,
    attempt: number,
    epoch: number | undefined,
  ): string | undefined {
    const { sessions, links } = this.#options;
    const task = this.#find(principal, taskId);
    sessions.check(principal, sessionIdOf(task), epoch);
    if (isEnded(task)) throw notOnOffer();
    links.adopt(task.link, principal);
    if (!(task instanceof AgentCall)) return undefined;
    const granted = task.accept(attempt, epoch);
    if (!granted) throw notOnOffer();
    return granted.request;
  }

  /**
   * Takes a result of a task. Returns when the caller of the llm has read so much that there can be more.
   *
   * @param read reads the body; not called for an unknown task
   * @throws AppError `gone` if the agent does not have the task, or no longer; `conflict` if the task was not accepted;
   *   `fenced`; `invalid_request`
   */
  async result(principal: Principal, taskId: string, read: () => Promise<string>): Promise<ResultResponse> {
    const { sessions, links, wakes } = this.#options;
    this.#find(principal, taskId);
    const result = await readResultInTurns(await read());
    // The task may have ended while the body came.
    const task = this.#find(principal, taskId);
    sessions.check(principal, sessionIdOf(task), result.epoch);
    if (result.attempt !== undefined && result.attempt !== task.attempt) throw unknownTask();
    if (isEnded(task)) {
      if (task.state === "gone") throw unknownTask();
      return { ackSeq: task.lastSeq, credit: 0, cancelled: task.state === "cancelled" };
    }
    links.adopt(task.link, principal);
    if (!(task instanceof AgentCall)) {
      await wakes.result(task, result);
      return { ackSeq: 0, credit: creditBytes, cancelled: false };
    }
    if (task.state === "offered" && result.is !== "error")
      throw new AppError("conflict", "the task was not accepted");
    if (!task.result(result)) links.end(task.link, "overrun");
    else await task.readable(holdMs);
    if (task.state === "lost") throw unknownTask();
    return { ackSeq: task.lastSeq, credit: task.credit, cancelled: task.state === "cancelled" };
  }

  /**
   * Finds a task, or the rest of an ended one. Throws the same AppError `gone` for another user's task and for none.
   */
  #find(principal: Principal, taskId: string): AgentTask | EndedTask {
    const { tasks } = this.#options;
    const task = tasks.get(taskId);
    if (task?.link.principal.userId === principal.userId) return task;
    const ended = tasks.ended(taskId);
    if (ended?.userId === principal.userId) return ended;
    throw unknownTask();
  }
}

function sessionIdOf(task: AgentTask | EndedTask): string {
  return isEnded(task) ? task.sessionId : task.link.sessionId;
}

function isEnded(task: AgentTask | EndedTask): task is EndedTask {
  return !("link" in task);
}

function unknownTask(): AppError {
  return new AppError("gone", "there is no such task");
}

function notOnOffer(): AppError {
  return new AppError("conflict", "the task is no longer on offer");
}
