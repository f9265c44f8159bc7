import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "../../../errors.ts";
import type { Resource } from "../../../kinds/define.ts";
import { isTransient, stopped } from "../../client/reconnect.ts";
import { answerText, finalStates, readTask } from "../../client/task-answers.ts";
import type { Context } from "../../core/context.ts";
import type { Condition, Wait, WaitReport } from "./condition.ts";

/** Milliseconds between two looks. */
const lookInterval = 500;
/** Seconds for which the server is asked to wait for the end of a task. */
const serverWait = 20;

/** Waits until each task has met the condition once. Throws AppError for one that has ended and never will. */
export async function reachTasks(
  wait: Wait,
  condition: Condition,
  signal: AbortSignal,
  { onMet }: WaitReport,
  context: Context,
): Promise<void> {
  if (condition.wanted === undefined)
    throw new AppError("usage", "--for=delete: a task ends by itself", {
      hint: "for example --for=status=completed",
    });
  await Promise.all([...wait.waiting].map((id) => reachTask(id)));

  async function reachTask(id: string): Promise<void> {
    const client = await context.client();
    const isEnd = finalStates.some((status) => condition.isMet({ status } as unknown as Resource));
    for (let isFirst = true; ; isFirst = false) {
      const task = await readTask(client, id, isEnd && !isFirst ? serverWait : 0, signal).catch(
        (error: unknown) => {
          if (isFirst || signal.aborted || !(error instanceof AppError) || !isTransient(error)) throw error;
          return undefined;
        },
      );
      if (signal.aborted) throw stopped(signal);
      if (task && condition.isMet({ ...task, name: id } as unknown as Resource)) {
        return onMet(wait, id, task);
      }
      if (task && task.endedAt !== null) {
        const reason = answerText(task.answer);
        throw new AppError(
          "conflict",
          `task "${id}" is ${task.status}${task.status === "failed" && reason ? `: ${reason}` : ""}`,
          { hint: `mcpctl describe task ${id}` },
        );
      }
      await delay(lookInterval, undefined, { signal }).catch(() => {
        throw stopped(signal);
      });
    }
  }
}
