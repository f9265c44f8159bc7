import { AppError } from "../../errors.ts";
import { escapeBlock, escapeLine, jsonText } from "../../wire/text.ts";
import { answerText, readTask, type TaskDetails } from "../client/task-answers.ts";
import type { Context } from "../core/context.ts";
import { plain } from "../output/cells.ts";
import { aligned, timed } from "../output/describe.ts";
import { paint } from "../terminal/paint.ts";

/** Returns the texts of `describe task`: the facts of each task, then its answer. Throws AppError. */
export async function describeTasks(ids: readonly string[], context: Context): Promise<string[]> {
  if (ids.length === 0)
    throw new AppError("usage", "the id of the task is missing", { hint: "to see all: mcpctl get tasks" });
  const client = await context.client();
  const tasks = await Promise.all(ids.map((id) => readTask(client, id)));
  return tasks.map((task) => textOf(task, context));
}

function textOf(task: TaskDetails, { terminal, now }: Context): string {
  const { type, llm, status, user, dialect, attempts, requestId, httpStatus, answer } = task;
  const isBatch = type === "batch";
  const done = `${task.completed + task.failed} of ${task.total}, ${task.failed} failed`;
  const facts: Record<string, unknown> = {
    LLM: llm || null,
    Status: status,
    User: user,
    ...(isBatch
      ? { Done: done }
      : { Dialect: dialect, Attempts: attempts, "HTTP Status": httpStatus, "Request ID": requestId }),
    Created: task.createdAt,
    ...(!isBatch && { Started: task.startedAt }),
    Ended: task.endedAt,
    Deadline: task.deadline,
  };
  const lines = Object.entries(facts).map(([label, value]) => ({ label, value: timed(plain(value), now()) }));
  const title = `=== ${isBatch ? "Batch" : "Task"}: ${task.id} ===`;
  const head = [paint(terminal.color, "bold", escapeLine(title)), ...aligned(lines, "")];
  if (answer === undefined) return `${head.join("\n")}\n`;
  const text = escapeBlock(answerText(answer) ?? jsonText(answer)).trimEnd();
  const heading = paint(terminal.color, "bold", status === "completed" ? "Answer:" : "Error:");
  const indented = text.split("\n").map((line) => `  ${line}`.trimEnd());
  return `${head.join("\n")}\n\n${[heading, ...indented].join("\n")}\n`;
}
