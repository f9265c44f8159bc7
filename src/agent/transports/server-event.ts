import { isOperation } from "../../wire/dialects/operations.ts";
import { parseExact } from "../../wire/exact-json.ts";
import { isObject, refuseExcess } from "../../wire/json.ts";
import { requestLimits } from "../../wire/link/constants.ts";
import type { QuestionAnswer } from "../../wire/link/mcp-calls.ts";
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
    case "answer": {
      const answer = answerIn(data["answer"]);
      return isTaskId(taskId) && answer ? { event: "answer", taskId, answer } : undefined;
    }
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
    serverName,
    attempt = 1,
    operation = "chat",
    streaming,
    hops,
    request,
    channel,
    requestBytes,
  } = data;
  if (!isTaskId(taskId)) return undefined;
  if (kind === "wake" && typeof llmName === "string") return { event: "task", kind, taskId, llmName };
  if (typeof attempt !== "number") return undefined;
  const call = {
    event: "task" as const,
    taskId,
    attempt,
    ...(request !== undefined && { request }),
    ...(typeof channel === "number" && { channel }),
    ...(isCount(requestBytes) && { requestBytes }),
  };
  if (kind === "mcp") return typeof serverName === "string" ? { ...call, kind, serverName } : undefined;
  if (kind !== "infer" || typeof llmName !== "string" || !isOperation(operation)) return undefined;
  const counted = typeof hops === "number" && hops >= 0 && { hops };
  return { ...call, kind, llmName, operation, streaming: streaming === true, ...counted };
}

function answerIn(value: unknown): QuestionAnswer | undefined {
  if (!isObject(value) || typeof value["id"] !== "string") return undefined;
  const { id, result, error } = value;
  if (isObject(result)) return { id, result };
  if (!isObject(error) || typeof error["code"] !== "number" || typeof error["message"] !== "string")
    return undefined;
  return { id, error: { code: error["code"], message: error["message"], data: error["data"] } };
}
