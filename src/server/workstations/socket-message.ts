import { AppError } from "../../errors.ts";
import { scanJson } from "../../wire/json.ts";
import { controlBytes } from "../../wire/link/constants.ts";
import type { AgentState } from "../../wire/link/registration.ts";
import { type AgentResult, maxDepth, maxResultItems, numberIn, parsed, readResult } from "./agent-result.ts";

/** What an agent says on a WebSocket. */
export type SocketMessage =
  | { op: "accept"; taskId: string; attempt: number }
  | { op: "done"; taskId: string; attempt: number }
  | { op: "result"; taskId: string; result: AgentResult }
  | { op: "heartbeat"; state: AgentState | undefined }
  | { op: "authenticate"; token: string };

/**
 * Reads a text frame.
 *
 * @returns undefined for an op that only newer agents know
 * @throws AppError `invalid_request` for what no agent of any version sends
 */
export function readMessage(text: string): SocketMessage | undefined {
  // Before anything is built of it: megabytes of brackets are seconds and gigabytes (T60).
  const scan = scanJson(text, { maxDepth, maxItems: maxResultItems });
  const isResult = scan.members.some(
    ({ key, start, end }) => key === "op" && text.slice(start, end) === '"result"',
  );
  if (!isResult && text.length > controlBytes)
    throw new AppError(
      "payload_too_large",
      `a message other than a result has at most ${controlBytes} bytes`,
    );
  const message = parsed(text);
  const op = textIn(message, "op");
  switch (op) {
    case "accept":
    case "done":
      return { op, taskId: textIn(message, "taskId"), attempt: numberIn(message, "attempt") ?? 1 };
    case "result":
      return { op, taskId: textIn(message, "taskId"), result: readResult(text) };
    case "heartbeat": {
      const { state } = message;
      if (state !== undefined && (typeof state !== "object" || state === null))
        throw new AppError("invalid_request", "state: an object");
      return { op, state: state as AgentState | undefined };
    }
    case "authenticate":
      return { op, token: textIn(message, "token") };
    default:
      return undefined;
  }
}

function textIn(message: Readonly<Record<string, unknown>>, key: string): string {
  const value = message[key];
  if (typeof value !== "string") throw new AppError("invalid_request", `${key}: a text`);
  return value;
}
