import { isOperation } from "../../wire/dialects/operations.ts";
import { parseExact } from "../../wire/json.ts";
import type { ServerEvent } from "../../wire/link/messages.ts";
import type { Task } from "../../wire/link/tasks.ts";
import { lineOf } from "../session/response-text.ts";

/** It goes into a path: what no server gives would not stay one segment of it, or cannot be written there at all. */
function isTaskId(value: unknown): value is string {
  return typeof value === "string" && /^[\w-][\w.:~-]{0,199}$/.test(value);
}

/**
 * Reads what a server has sent; undefined for what this agent does not know, which a newer server may send.
 *
 * @param event its name, where it does not stand in the data
 * @param text JSON; digits of integers are kept
 */
export function readServerEvent(event: string | undefined, text: string): ServerEvent | undefined {
  let data: Record<string, unknown>;
  try {
    const value = parseExact(text);
    if (typeof value !== "object" || value === null) return undefined;
    data = value as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { taskId, attempt, epoch, bytes, granted } = data;
  switch (event ?? data["event"]) {
    case "attached":
      return typeof epoch === "number" ? { event: "attached", epoch } : undefined;
    case "task":
      return taskIn(data);
    case "cancel":
      return isTaskId(taskId) ? { event: "cancel", taskId } : undefined;
    case "credit":
      return isTaskId(taskId) && typeof bytes === "number" && bytes > 0
        ? { event: "credit", taskId, bytes }
        : undefined;
    case "accepted":
      return isTaskId(taskId) && typeof attempt === "number"
        ? {
            event: "accepted",
            taskId,
            attempt,
            granted: granted === true,
            ...(data["request"] !== undefined && { request: data["request"] }),
          }
        : undefined;
    case "drain":
      return { event: "drain" };
    case "revoked":
      return { event: "revoked", reason: lineOf(data["reason"]) };
    default:
      return undefined;
  }
}

/** A task; what an older server leaves out of it has the meaning that it had then. */
function taskIn(data: Record<string, unknown>): ({ event: "task" } & Task) | undefined {
  const { kind, taskId, llmName, attempt = 1, operation = "chat", streaming, request, channel } = data;
  if (!isTaskId(taskId) || typeof llmName !== "string") return undefined;
  if (kind === "wake") return { event: "task", kind, taskId, llmName };
  if (kind !== "infer" || typeof attempt !== "number" || !isOperation(operation)) return undefined;
  return {
    event: "task",
    kind,
    taskId,
    attempt,
    llmName,
    operation,
    streaming: streaming === true,
    ...(request !== undefined && { request }),
    ...(typeof channel === "number" && { channel }),
  };
}
