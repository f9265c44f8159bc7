import { AppError } from "../../errors.ts";
import { type JsonScan, type ScannedJson, scanJson, scanJsonInTurns } from "../../wire/json.ts";
import { controlBytes } from "../../wire/link/constants.ts";
import type { AgentState } from "../../wire/link/registration.ts";
import type { WholeHead } from "../../wire/link/tasks.ts";
import {
  type AgentResult,
  headIn,
  numberIn,
  parseLargeResult,
  parseMessage,
  resultIn,
  resultLimits,
} from "./agent-result.ts";

/** A decoded text message from an agent on a WebSocket. */
export type SocketMessage =
  | { op: "accept"; taskId: string; attempt: number }
  | { op: "done"; taskId: string; attempt: number }
  | { op: "result"; taskId: string; result: AgentResult }
  | { op: "head"; taskId: string; attempt: number; head: WholeHead }
  | { op: "received"; bytes: number }
  | { op: "heartbeat"; state: AgentState | undefined }
  | { op: "authenticate"; token: string };

/**
 * Decodes a text frame.
 *
 * @returns undefined for an unknown op, which a newer agent may send
 * @throws AppError `invalid_request` for a frame that no version of an agent sends; `payload_too_large`
 */
export function readMessage(text: string): SocketMessage | undefined {
  // Scan before parsing: megabytes of brackets take seconds and gigabytes to parse (T60).
  const scan = scanJson(text, resultLimits);
  checkLength(text, scan);
  return messageIn({ text, scan, body: parseMessage(text) });
}

/** Does the same for a large text, in several turns of the event loop. */
export async function readLargeMessage(text: string): Promise<SocketMessage | undefined> {
  const scan = await scanJsonInTurns(text, resultLimits);
  checkLength(text, scan);
  return messageIn(await parseLargeResult(text, scan));
}

function checkLength(text: string, { members }: JsonScan): void {
  const isResult = members.some(
    ({ key, start, end }) => key === "op" && text.slice(start, end) === '"result"',
  );
  if (!isResult && text.length > controlBytes)
    throw new AppError(
      "payload_too_large",
      `a message that is not a result may have at most ${controlBytes} bytes`,
    );
}

function messageIn({ text, scan, body: message }: ScannedJson): SocketMessage | undefined {
  const op = textIn(message, "op");
  switch (op) {
    case "accept":
    case "done":
      return { op, taskId: textIn(message, "taskId"), attempt: numberIn(message, "attempt") ?? 1 };
    case "result":
      return { op, taskId: textIn(message, "taskId"), result: resultIn({ text, scan, body: message }) };
    case "head":
      return {
        op,
        taskId: textIn(message, "taskId"),
        attempt: numberIn(message, "attempt") ?? 1,
        head: headIn(message),
      };
    case "received":
      return { op, bytes: numberIn(message, "bytes") ?? 0 };
    case "heartbeat": {
      const { state } = message;
      if (state !== undefined && (typeof state !== "object" || state === null))
        throw new AppError("invalid_request", "state must be an object");
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
  if (typeof value !== "string") throw new AppError("invalid_request", `${key} must be a string`);
  return value;
}
