import { isOperation } from "../../wire/dialects/operations.ts";
import { parseExact, refuseExcess } from "../../wire/json.ts";
import { requestLimits } from "../../wire/link/constants.ts";
import type { ServerEvent } from "../../wire/link/messages.ts";
import type { Task } from "../../wire/link/tasks.ts";
import { lineOf } from "../session/response-text.ts";

/** True for an id that can be one segment of a path. */
function isTaskId(value: unknown): value is string {
  return typeof value === "string" && /^[\w-][\w.:~-]{0,199}$/.test(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/**
 * Parses an event of the server. Returns undefined for one that this agent does not know: the server may be newer.
 *
 * @param event its name, if the data does not contain it
 * @param text the data: JSON, in which all digits of integers are kept
 */
export function readServerEvent(event: string | undefined, text: string): ServerEvent | undefined {
  let data: Record<string, unknown>;
  try {
    refuseExcess(text, requestLimits);
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
    case "received":
      return isCount(bytes) ? { event: "received", bytes } : undefined;
    case "drain":
      return { event: "drain" };
    case "revoked":
      return { event: "revoked", reason: lineOf(data["reason"]) };
    default:
      return undefined;
  }
}

/** Returns a task. Fields that an older server leaves out get the meaning that they had then. */
function taskIn(data: Record<string, unknown>): ({ event: "task" } & Task) | undefined {
  const {
    kind,
    taskId,
    llmName,
    attempt = 1,
    operation = "chat",
    streaming,
    hops,
    request,
    channel,
    requestBytes,
  } = data;
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
    ...(typeof hops === "number" && hops >= 0 && { hops }),
    ...(request !== undefined && { request }),
    ...(typeof channel === "number" && { channel }),
    ...(isCount(requestBytes) && { requestBytes }),
  };
}
