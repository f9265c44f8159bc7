import { AppError } from "../../../errors.ts";
import type { Operation, operations } from "../../../wire/dialects/operations.ts";
import { spliceTopLevel } from "../../../wire/json-splice.ts";
import { parseCall } from "../../../wire/parse-call.ts";
import { isAdministrator, type Principal } from "../../core/access/policy.ts";
import type { Quotas } from "../../core/access/quotas.ts";
import { standing } from "../../core/access/standing.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { newId, type Random } from "../../core/ids.ts";
import type { InferenceBatch, InferenceTask, TaskFacts, TaskState } from "../../core/store/task-store.ts";
import { modelOf } from "./batch-line.ts";
import { newTask } from "./batch-work.ts";
import { followTask } from "./followed-task.ts";
import type { LiveAnswer } from "./live-answer.ts";
import { mayRunModel, unknownModel } from "./may-run-model.ts";
import { isOwn, isSeen, makerOf, ownOf, refuseImpersonation, reserveStored, stored } from "./owner.ts";

const taskId = /^tsk_[0-9a-z]{26}$/;
/** The time in which a task must have begun, if it does not say. Milliseconds. */
const usualDeadline = 60 * 60_000;
/** The longest time for which a task may wait. */
const longestDeadline = 7 * 24 * 60 * 60_000;
/** Milliseconds between two looks at a task that is waited for. */
const lookInterval = 250;

/** A new task, as its maker gives it. */
export interface NewTask {
  llm: string;
  /** The request, as JSON. */
  request: string;
  operation: Operation;
  priority: number;
  /** Milliseconds since 1970. */
  notBefore: number | undefined;
  deadline: number | undefined;
  /** "" for none. */
  idempotencyKey: string;
  /** True if it may be sent again although a part of its answer was there. */
  isIdempotent: boolean;
}

/** A task or a batch in a list. */
export type ListedTask =
  | { type: "task"; facts: TaskFacts }
  | { type: "batch"; facts: InferenceBatch; counts: Partial<Record<TaskState, number>> };

export interface TasksOptions {
  catalogue: Catalogue;
  quotas: Quotas;
  now(): number;
  random: Random;
  /** Is called when there is something to do. */
  onWork(): void;
  /** Ends the call of a task, if this server makes it. */
  abort(id: string): void;
  /** Returns the answer of a task that this server runs. */
  liveOf(id: string): LiveAnswer | undefined;
}

/** Tasks that are in no batch: single calls that wait until their llm can take them. */
export class Tasks {
  readonly #options: TasksOptions;

  constructor(options: TasksOptions) {
    this.#options = options;
  }

  /** Makes a task; with a known idempotency key returns the one that has it. Throws AppError. */
  async create(principal: Principal, given: NewTask): Promise<TaskFacts> {
    refuseImpersonation(principal, "a task");
    const { catalogue, now, random, onWork } = this.#options;
    const { llm, operation, priority, idempotencyKey } = given;
    if (!mayRunModel(catalogue.snapshot, principal, llm))
      throw unknownModel(catalogue.snapshot, principal, llm);
    const request = await requestOf(given);
    const at = now();
    const notBefore = given.notBefore ?? 0;
    const deadline = given.deadline ?? Math.max(at, notBefore) + usualDeadline;
    if (deadline <= Math.max(at, notBefore) || deadline > at + longestDeadline)
      throw invalid("deadline", "deadline must be behind notBefore, and within 7 days");
    const known = await this.#ofKey(principal, idempotencyKey, { operation, request });
    if (known) return known;
    const size = Buffer.byteLength(request);
    const release = await this.#options.quotas.reserveCounted(
      principal,
      () => stored(this.#store.taskUse(principal.userId)),
      ({ open: count, bytes }) =>
        reserveStored(this.#options, principal, ["tasks", "taskMegabytes"], { count, bytes }, size),
    );
    const task = newTask({
      id: newId("tsk", at, random),
      ...makerOf(principal),
      ...{ operation, llm, request, priority, idempotencyKey, notBefore, deadline },
      idempotent: given.isIdempotent ? 1 : 0,
      createdAt: at,
    });
    await stored(this.#store.addTasks([task], ...standing(principal))).finally(release);
    onWork();
    // Another request with the same key may have been faster.
    return (await this.#ofKey(principal, idempotencyKey, task)) ?? task;
  }

  /**
   * Returns a task that a principal may see. Throws AppError `not_found`.
   *
   * @param wait milliseconds to wait for its end
   */
  async read(principal: Principal, id: string, wait = 0, signal?: AbortSignal): Promise<InferenceTask> {
    const missing = () => new AppError("not_found", `task "${id}" not found`);
    for (const until = performance.now() + wait; ; ) {
      const facts = taskId.test(id) ? await stored(this.#store.taskFacts(id)) : null;
      if (!facts || !isSeen(principal, facts)) throw missing();
      if (facts.endedAt !== null || signal?.aborted || performance.now() >= until) {
        if (!isOwn(principal, facts)) return { ...facts, request: "", answer: null };
        const task = await stored(this.#store.task(id));
        if (!task) throw missing();
        return task;
      }
      await Bun.sleep(Math.min(lookInterval, until - performance.now()));
    }
  }

  /**
   * Returns the events of the answer of an own task: what is there, then what comes. Throws AppError `not_found`.
   *
   * @param isFollowing false to end with what is there
   */
  async follow(
    principal: Principal,
    id: string,
    isFollowing: boolean,
  ): Promise<(signal: AbortSignal) => AsyncGenerator<string, void>> {
    const facts = taskId.test(id) ? await stored(this.#store.taskFacts(id)) : null;
    if (!facts || !isOwn(principal, facts)) throw new AppError("not_found", `task "${id}" not found`);
    const { liveOf } = this.#options;
    return (signal) => followTask(facts, { store: this.#store, liveOf, signal, isFollowing });
  }

  /** Returns the newest tasks and batches: the own ones, or for an administrator all. */
  async list(principal: Principal, limit: number): Promise<ListedTask[]> {
    const of = isAdministrator(principal) ? {} : ownOf(principal);
    const tasks = await stored(this.#store.tasksAlone(of, { limit }));
    const batches = await stored(this.#store.batches(of, { limit }));
    const found: ListedTask[] = tasks.map((facts) => ({ type: "task", facts }));
    for (const facts of batches) {
      if (facts.endedAt === 0) continue;
      const { completed, failed, cancelled, expired } = facts;
      const counts =
        facts.endedAt === null
          ? await stored(this.#store.taskCounts(facts.id))
          : { completed, failed, cancelled, expired };
      found.push({ type: "batch", facts, counts });
    }
    return found.sort((a, b) => b.facts.createdAt - a.facts.createdAt).slice(0, limit);
  }

  /** Cancels a task. One that has ended stays as it is. Throws AppError `not_found`. */
  async cancel(principal: Principal, id: string): Promise<InferenceTask> {
    await this.read(principal, id);
    const { now, abort } = this.#options;
    const isCancelled =
      (await stored(this.#store.endPending(id, "cancelled", now()))) ||
      (await stored(this.#store.cancelRunning(id, now())));
    if (isCancelled) abort(id);
    return this.read(principal, id);
  }

  get #store() {
    return this.#options.catalogue.store;
  }

  /** Returns the task that has a key. Throws AppError `conflict` if it is another call. */
  async #ofKey(
    principal: Principal,
    key: string,
    { operation, request }: Pick<InferenceTask, "operation" | "request">,
  ): Promise<TaskFacts | null> {
    const known = key === "" ? null : await stored(this.#store.taskOfKey(makerOf(principal), key));
    const task = known && (await stored(this.#store.task(known.id)));
    if (task && (task.operation !== operation || task.request !== request))
      throw new AppError(
        "conflict",
        `the idempotencyKey belongs to task ${task.id}, which has another request`,
        {
          hint: "use a new key for each request",
        },
      );
    return known;
  }
}

/** Returns the body of the call. Throws AppError if no llm could answer it. */
async function requestOf({ llm, request, operation }: NewTask): Promise<string> {
  const { text, scan, body } = await parseCall(request, operation);
  const { model = llm } = body;
  if (model !== llm) throw invalid("request/model", `request.model: this task is for "${llm}"`);
  modelOf({ ...body, model, stream: false }, operation, (_code, message) => {
    throw invalid("request", `request: ${message.replace("a batch", "a task")}`);
  });
  return body["model"] === undefined ? spliceTopLevel(text, scan, { model: llm }) : text;
}

/** The names of the dialects of tasks, as the API has them. */
export const taskDialects = [
  "chat",
  "messages",
  "responses",
  "embeddings",
] as const satisfies (keyof typeof operations)[];

function invalid(path: string, message: string): AppError {
  return new AppError("invalid_request", message, { details: [{ path: `/${path}`, message }] });
}
