import { AppError } from "../../../errors.ts";
import type { Operation } from "../../../wire/dialects/operations.ts";
import { TurnPace } from "../../../wire/next-turn.ts";
import { makerPrincipal } from "../../core/access/principals.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { newId, type Random } from "../../core/ids.ts";
import type { InferenceBatch, InferenceTask, TaskState } from "../../core/store/task-store.ts";
import { StoreError } from "../../core/store/types.ts";
import { type BatchFault, BatchLineError, lineCharacters, mostRequests, requestIn } from "./batch-line.ts";
import { batchFiles } from "./batch-output.ts";
import { mayRunModel } from "./may-run-model.ts";
import { FileWriter, linesOf, partsOf } from "./stored-text.ts";

/** The most faults that are listed. */
const mostFaults = 100;
/** Requests that are stored at a time: so many, or so many characters. */
const mostOfGroup = 200;
const charactersOfGroup = 1024 * 1024;
/** Tasks that are read at a time for the files of a batch. */
const tasksAtATime = 20;
/** Milliseconds in which the requests of a batch are stored that come with its creation. */
const longestCreation = 600_000;
/** Files of batches are kept for 30 days, as at OpenAI. */
export const fileLifetime = 30 * 24 * 60 * 60_000;

export interface BatchWorkOptions {
  catalogue: Catalogue;
  now(): number;
  random: Random;
}

/** Takes batches on as a whole: checks their input and makes tasks of it, and makes files of the answers at the end. */
export class BatchWork {
  readonly #options: BatchWorkOptions;

  constructor(options: BatchWorkOptions) {
    this.#options = options;
  }

  /**
   * Takes a batch a step on. It can be interrupted at any moment and done again.
   *
   * @param runner the server that has taken the batch
   * @param isExpired true if the time of the batch is over
   * @returns true if the batch has changed
   */
  async step(batch: InferenceBatch, runner: string, isExpired: boolean): Promise<boolean> {
    const { id, state } = batch;
    const { now } = this.#options;
    if (state === "validating") {
      if (batch.form === "openai") return this.#begin(batch, runner);
      // Its requests came with its creation. Where that was interrupted, nobody knows its id.
      if (batch.createdAt > now() - longestCreation) return false;
      return this.#store.changeBatch(id, [state], { state: "failed", endedAt: now(), runner: "" }, runner);
    }
    if (state !== "finalizing") {
      if (state === "cancelling") await this.#store.endPendingOf(id, "cancelled", now());
      else if (isExpired) await this.#store.endPendingOf(id, "expired", now());
      const { pending = 0, running = 0 } = await this.#store.taskCounts(id);
      if (pending + running > 0) return false;
      const isMine = await this.#store.changeBatch(
        id,
        [state],
        { state: "finalizing", finalizingAt: now() },
        runner,
      );
      if (!isMine) return true;
    }
    await this.#end(batch, runner).catch((error) => {
      // Somebody else has it by now, or its owner may no longer have it.
      if (!(error instanceof StoreError) || error.refusal !== "stale") throw error;
    });
    return true;
  }

  get #store() {
    return this.#options.catalogue.store;
  }

  /** Checks the input, and makes tasks of it. */
  async #begin(batch: InferenceBatch, runner: string): Promise<boolean> {
    const { now } = this.#options;
    const faults: BatchFault[] = [];
    const { total, model } = await this.#makeTasks(batch, faults).catch((error) => {
      if (!(error instanceof AppError) || error.code !== "not_found") throw error;
      faults.push({ code: "file_deleted", message: "the input file was deleted", param: null, line: null });
      return { total: 0, model: "" };
    });
    if (total === 0 && faults.length === 0)
      faults.push({ code: "empty_file", message: "the input file has no requests", param: null, line: null });
    if (model !== "" && !this.#mayRun(batch, model)) faults.push(unknownModel(model));
    const change =
      faults.length > 0
        ? { state: "failed" as const, errors: JSON.stringify(faults), llm: model, endedAt: now(), runner: "" }
        : { state: "in_progress" as const, total, llm: model, startedAt: now() };
    await this.#store.changeBatch(batch.id, ["validating"], change, runner);
    return true;
  }

  #mayRun({ ownerId, tokenId }: InferenceBatch, model: string): boolean {
    const { catalogue, now } = this.#options;
    const principal = makerPrincipal(catalogue.snapshot, ownerId, tokenId, now());
    return principal !== undefined && mayRunModel(catalogue.snapshot, principal, model);
  }

  async #makeTasks(batch: InferenceBatch, faults: BatchFault[]): Promise<{ total: number; model: string }> {
    const ids = new Set<string>();
    let model = "";
    let group: InferenceTask[] = [];
    let characters = 0;
    const store = async () => {
      if (faults.length === 0 && group.length > 0) await this.#store.addTasks(group);
      group = [];
      characters = 0;
    };
    for await (const line of linesOf(partsOf(this.#store, batch.inputFileId), lineCharacters)) {
      const fail = (code: string, message: string, param: string | null) =>
        void faults.push({ code, message, param, line: line.number });
      try {
        const request = await requestIn(line, batch.operation as Operation);
        if (ids.has(request.customId))
          fail("duplicate_custom_id", `custom_id "${request.customId}" is not unique`, "custom_id");
        ids.add(request.customId);
        if (model === "") model = request.model;
        else if (request.model !== model)
          fail(
            "mismatched_model",
            `all requests of a batch have one model; the first has "${model}"`,
            "body.model",
          );
        if (ids.size > mostRequests)
          fail("too_many_tasks", `a batch has at most ${mostRequests} requests`, null);
        group.push(this.#task(batch, line.number, request));
        characters += request.text.length;
      } catch (error) {
        if (!(error instanceof BatchLineError)) throw error;
        faults.push(error.fault);
      }
      if (group.length >= mostOfGroup || characters >= charactersOfGroup) await store();
      if (faults.length >= mostFaults || ids.size > mostRequests) break;
    }
    await store();
    return { total: ids.size, model };
  }

  #task(
    batch: InferenceBatch,
    seq: number,
    { customId, model, text }: { customId: string; model: string; text: string },
  ): InferenceTask {
    return newTask({
      // The same one when the input is read again after an interruption.
      id: `${batch.id.replace("batch_", "batch_req_")}_${seq}`,
      ownerId: batch.ownerId,
      tokenId: batch.tokenId,
      batchId: batch.id,
      seq,
      customId,
      operation: batch.operation,
      llm: model,
      request: text,
      deadline: batch.expiresAt,
      createdAt: batch.createdAt,
    });
  }

  /** Writes the files with the answers and the errors, and ends the batch. */
  async #end(batch: InferenceBatch, runner: string): Promise<void> {
    const { now } = this.#options;
    const counts: Partial<Record<TaskState, number>> = await this.#store.taskCounts(batch.id);
    const { completed = 0, failed = 0, cancelled = 0, expired = 0 } = counts;
    const lines = batchFiles[batch.form];
    const others = failed + cancelled + expired;
    const hasOutput = completed > 0 || (lines.together && others > 0);
    const output = hasOutput ? await this.#file(batch, runner, "output") : undefined;
    const errors = lines.together
      ? output
      : others > 0
        ? await this.#file(batch, runner, "errors")
        : undefined;
    const pace = new TurnPace();
    for (let after = 0; ; ) {
      await pace.pause();
      const tasks = await this.#store.tasksOfBatch(batch.id, after, tasksAtATime);
      for (const task of tasks) {
        if (task.state === "completed") await output?.writer.add(lines.output(task));
        else await errors?.writer.add(lines.failure(task));
      }
      if (tasks.length < tasksAtATime) break;
      after = tasks.at(-1)!.seq;
    }
    const files = [...new Set([output, errors])].filter((file) => file !== undefined);
    for (const { writer } of files) await writer.end();
    const isCancelled = batch.cancellingAt !== null;
    const hasEnded = await this.#store.changeBatch(
      batch.id,
      ["finalizing"],
      {
        state: isCancelled ? "cancelled" : expired > 0 ? "expired" : "completed",
        outputFileId: output?.id ?? "",
        errorFileId: lines.together ? "" : (errors?.id ?? ""),
        completed,
        failed,
        cancelled,
        expired,
        endedAt: now(),
        runner: "",
      },
      runner,
    );
    if (!hasEnded) for (const { id } of files) await this.#store.deleteFile(id);
  }

  async #file({ id: batchId, ownerId, tokenId }: InferenceBatch, runner: string, what: "output" | "errors") {
    const { now, random } = this.#options;
    const createdAt = now();
    const id = newId("file", createdAt, random);
    const file = {
      id,
      ownerId,
      tokenId,
      name: `${batchId}_${what}.jsonl`,
      purpose: "batch_output" as const,
      createdAt,
      expiresAt: createdAt + fileLifetime,
    };
    // A new password of the owner has taken the batch away, maybe this very moment: no file may come after it (T350).
    const isMine = { op: "ifBatch", id: batchId, state: "finalizing", runner } as const;
    const writer = await FileWriter.begin(this.#store, file, isMine);
    return { id, writer };
  }
}

function unknownModel(model: string): BatchFault {
  return {
    code: "model_not_found",
    message: `there is no model "${model}" that you may run`,
    param: "body.model",
    line: null,
  };
}

/** Returns a new task that waits. */
export function newTask(
  task: Pick<
    InferenceTask,
    "id" | "ownerId" | "tokenId" | "operation" | "llm" | "request" | "deadline" | "createdAt"
  > &
    Partial<InferenceTask>,
): InferenceTask {
  return {
    batchId: null,
    seq: 0,
    customId: "",
    state: "pending",
    answer: null,
    status: null,
    requestId: "",
    attempts: 0,
    priority: 0,
    idempotencyKey: "",
    idempotent: 0,
    notBefore: 0,
    runner: "",
    startedAt: null,
    endedAt: null,
    ...task,
  };
}
