import { AppError } from "../../../errors.ts";
import { dialects } from "../../../wire/dialects/index.ts";
import { type Operation, operations } from "../../../wire/dialects/operations.ts";
import { makerPrincipal } from "../../core/access/principals.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import type { InferenceTask, TaskEnd } from "../../core/store/task-store.ts";
import { transportFailure } from "../failure.ts";
import type { CallTask } from "./call-task.ts";
import type { LiveAnswer } from "./live-answer.ts";
import { type PartStore, readStreamed } from "./streamed-answer.ts";
import { afterFailure, mostAttempts } from "./task-failure.ts";

/** The outcome of one call of a task: its end, or that it waits for another call. */
export type CallOutcome =
  | { end: Omit<TaskEnd, "requestId"> }
  | {
      /** False if the llm was not there, and the attempt does not count. */
      counts: boolean;
      /** The delay that a limit or a provider asks for, in milliseconds. */
      delay: number | undefined;
    };

export interface CallOfTask {
  catalogue: Catalogue;
  callTask: CallTask;
  requestId: string;
  signal: AbortSignal;
  now: number;
  /** Gets a streamed answer as it comes. */
  live: LiveAnswer;
  parts: PartStore;
}

/** True if a part of the answer is there, and the request must not be sent twice. */
export function isUnrepeatable(task: InferenceTask, live: LiveAnswer): boolean {
  return live.text !== "" && task.idempotent === 0;
}

/** Makes the call of a task. Returns undefined if it was aborted. */
export async function outcomeOf(task: InferenceTask, call: CallOfTask): Promise<CallOutcome | undefined> {
  const { catalogue, callTask, requestId, signal, now, live, parts } = call;
  const operation = task.operation as Operation;
  try {
    const principal = makerPrincipal(catalogue.snapshot, task.ownerId, task.tokenId, now);
    if (!principal)
      throw new AppError("unauthenticated", "the token that made this request is no longer valid");
    const response = await callTask({ operation, text: task.request, principal, requestId, signal });
    const { body, headers, status } = response;
    const isStream = body && headers.get("content-type")?.startsWith("text/event-stream");
    const answer = isStream ? await readStreamed(body, task, live, parts, signal) : await response.text();
    return { end: { state: "completed", status, answer } };
  } catch (thrown) {
    if (signal.aborted) return undefined;
    const error = transportFailure(thrown);
    const next = isUnrepeatable(task, live) ? "never" : afterFailure(error);
    if (next === "wait" || (next === "again" && task.attempts < mostAttempts))
      return { counts: next === "again", delay: error.retryAfter && error.retryAfter * 1000 };
    const body = dialects[operations[operation].dialect].errorBody(error, requestId);
    return { end: { state: "failed", status: error.status, answer: JSON.stringify(body) } };
  }
}
