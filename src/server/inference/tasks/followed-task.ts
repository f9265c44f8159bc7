import { passthroughPipe } from "../../../adapters/passthrough/index.ts";
import { answerShapes } from "../../../adapters/shapes/index.ts";
import type { StreamPipe } from "../../../adapters/types.ts";
import { AppError } from "../../../errors.ts";
import { doneData } from "../../../wire/dialects/chat.ts";
import { dialects } from "../../../wire/dialects/index.ts";
import { type Operation, operations } from "../../../wire/dialects/operations.ts";
import { isObject } from "../../../wire/json.ts";
import { sseFrame } from "../../../wire/sse.ts";
import type { InferenceTask, TaskFacts, TaskStore } from "../../core/store/task-store.ts";
import type { LiveAnswer } from "./live-answer.ts";
import { stored } from "./owner.ts";
import { canStream } from "./streamed-answer.ts";

/** Milliseconds between two looks at a task that runs elsewhere, or waits. */
const lookInterval = 250;

export interface TaskFollowOptions {
  store: Pick<TaskStore, "task" | "taskFacts" | "taskPart">;
  /** Returns the answer of a task that this server runs. */
  liveOf(id: string): LiveAnswer | undefined;
  signal: AbortSignal;
  /** False to end with what is there. */
  isFollowing: boolean;
}

/**
 * Yields the answer of a task as the stream that the call itself would have sent: first what is there, then what comes,
 * and in the end an error frame where it failed. Comments tell the state of a task that waits.
 */
export async function* followTask(
  first: TaskFacts,
  { store, liveOf, signal, isFollowing }: TaskFollowOptions,
): AsyncGenerator<string, void> {
  const { id, operation } = first;
  const stream = new Told(operation as Operation);
  let told = "";
  let seq = 0;
  while (!signal.aborted) {
    const facts = await stored(store.taskFacts(id));
    if (!facts) return;
    const isOver = facts.endedAt !== null;
    // Another call of it has taken the place of the one whose answer was told.
    if (stream.hasBegun && !isOver && facts.startedAt !== stream.startedAt)
      return yield stream.error(again(facts));
    const isWaiting = isFollowing && !isOver && !stream.hasBegun;
    if (isWaiting && facts.state !== told) yield `: ${facts.state}\n\n`;
    told = facts.state;
    const live = stream.hasBegun ? undefined : liveOf(id);
    if (live && isFollowing) {
      for await (const piece of live.pieces(signal)) yield stream.tell(piece, facts.startedAt);
      if (stream.hasBegun && live.end === "again") return yield stream.error(again(facts));
      if (stream.hasBegun) seq = Number.POSITIVE_INFINITY;
    } else if (live) {
      if (live.text !== "") yield live.text;
      return;
    } else if (Number.isFinite(seq)) {
      for (; ; seq++) {
        const part = await stored(store.taskPart(id, seq));
        if (part === null) break;
        yield stream.tell(part, facts.startedAt);
      }
    }
    if (isOver) {
      if (stream.hasBegun && (facts.state === "completed" || stream.hasFault)) return;
      const task = await stored(store.task(id));
      if (task) yield stream.hasBegun ? stream.error(failureOf(task)) : wholeAsStream(task);
      return;
    }
    if (!isFollowing) return;
    await pause(signal);
  }
}

/** The events that a follower has got. */
class Told {
  readonly #operation: Operation;
  readonly #watch: StreamPipe;
  hasBegun = false;
  startedAt: number | null = null;

  constructor(operation: Operation) {
    this.#operation = operation;
    this.#watch = passthroughPipe(operations[operation].dialect, { stripUsage: false });
  }

  get hasFault(): boolean {
    return this.#watch.fault !== undefined;
  }

  tell(piece: string, startedAt: number | null): string {
    this.hasBegun = true;
    this.startedAt = startedAt;
    if (!this.hasFault) this.#watch.push(Buffer.from(piece));
    return piece;
  }

  error({ error, requestId }: { error: AppError; requestId: string }): string {
    const { position } = this.#watch;
    return `\n\n${dialects[operations[this.#operation].dialect].errorFrames(error, requestId, position)}`;
  }
}

function again({ requestId }: TaskFacts): { error: AppError; requestId: string } {
  const message = "the call of the task was lost, and it is sent again: its answer begins anew";
  return { error: new AppError("unavailable", message, { hint: "follow it again" }), requestId };
}

/** Returns the reason why a task has no answer. */
function failureOf(task: InferenceTask): { error: AppError; requestId: string } {
  const { state, requestId } = task;
  return { error: storedError(task) ?? new AppError("gone", `the task is ${state}`), requestId };
}

/** Returns the answer of a task that has ended, as a stream of its dialect. */
function wholeAsStream(task: InferenceTask): string {
  const { answer, operation, state } = task;
  const { dialect } = operations[operation as Operation];
  if (state === "completed" && answer !== null) {
    const body: unknown = JSON.parse(answer);
    if (canStream(operation) && isObject(body)) return answerShapes[dialect].toStream(body);
    return sseFrame({ data: answer.replace(/[\r\n]+/g, " ") }) + sseFrame({ data: doneData });
  }
  const { error, requestId } = failureOf(task);
  return dialects[dialect].errorFrames(error, requestId);
}

/** Returns the error that is the answer of a failed task. */
function storedError({ answer, status, operation }: InferenceTask): AppError | undefined {
  const body: unknown = answer === null ? undefined : JSON.parse(answer);
  const error = isObject(body) ? body["error"] : undefined;
  if (!isObject(error) || typeof error["message"] !== "string") return undefined;
  const { type, message } = error;
  const { family } = dialects[operations[operation as Operation].dialect];
  return new AppError("provider_error", message, {
    status: status ?? 502,
    provider: { family, fields: error, ...(typeof type === "string" && { type }) },
  });
}

function pause(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, lookInterval);
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise.finally(() => clearTimeout(timer));
}
