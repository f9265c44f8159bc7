import { AppError } from "../../../errors.ts";
import type { Operation } from "../../../wire/dialects/operations.ts";
import { nextTurn } from "../../../wire/next-turn.ts";
import type { Principal } from "../../core/access/policy.ts";
import type { Quotas } from "../../core/access/quotas.ts";
import { standing } from "../../core/access/standing.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { newId, type Random } from "../../core/ids.ts";
import type { InferenceBatch, Page, TaskState } from "../../core/store/task-store.ts";
import type { BatchRequest } from "./batch-line.ts";
import { newTask } from "./batch-work.ts";
import type { Files } from "./files.ts";
import { mayRunModel, unknownModel } from "./may-run-model.ts";
import { isOwn, isSeen, makerOf, ownOf, refuseImpersonation, stored } from "./owner.ts";

/** The time in which a batch must be done, in milliseconds. */
const window = 24 * 60 * 60_000;

/** The end of a batch that is deleted: the next upkeep takes it away. */
const deleted = 0;

const batchId = /^batch_[0-9a-z]{26}$/;

/** A batch with the number of its tasks by state. */
export interface CountedBatch {
  batch: InferenceBatch;
  counts: Readonly<Record<TaskState, number>>;
  /** False for an administrator who looks at the batch of somebody else. */
  isOwn: boolean;
}

export interface BatchesOptions {
  catalogue: Catalogue;
  quotas: Quotas;
  files: Files;
  now(): number;
  random: Random;
  /** Is called when there is something to do. */
  onWork(): void;
}

/** Batches as their users see them. */
export class Batches {
  readonly #options: BatchesOptions;

  constructor(options: BatchesOptions) {
    this.#options = options;
  }

  /** Makes a batch of the requests in a file. They are checked later. Throws AppError. */
  async createOfFile(
    principal: Principal,
    inputFileId: string,
    operation: Operation,
    metadata: Readonly<Record<string, string>>,
  ): Promise<CountedBatch> {
    refuseImpersonation(principal, "a batch");
    const file = await this.#options.files.read(principal, inputFileId);
    if (file.purpose !== "batch")
      throw new AppError("invalid_request", `input_file_id: "${inputFileId}" has no purpose "batch"`, {
        details: [{ path: "/input_file_id", message: 'must be a file with purpose "batch"' }],
      });
    return this.#create(principal, { operation, inputFileId, metadata: JSON.stringify(metadata) });
  }

  /** Makes a batch of requests that are checked already. Throws AppError. */
  createOfRequests(
    principal: Principal,
    operation: Operation,
    requests: readonly BatchRequest[],
  ): Promise<CountedBatch> {
    const { catalogue } = this.#options;
    const llm = requests[0]!.model;
    if (!mayRunModel(catalogue.snapshot, principal, llm))
      throw unknownModel(catalogue.snapshot, principal, llm);
    return this.#create(principal, { form: "anthropic", operation, llm, total: requests.length }, requests);
  }

  /** Returns a page of the batches that a principal made. */
  async list(principal: Principal, page: Page & { form?: InferenceBatch["form"] }): Promise<CountedBatch[]> {
    const all = await stored(this.#store.batches(ownOf(principal), page));
    const found = all.filter(({ endedAt }) => endedAt !== deleted);
    const counted: CountedBatch[] = [];
    for (const batch of found) {
      counted.push(await this.#counted(principal, batch));
      // To count 50,000 tasks takes some milliseconds.
      if (batch.endedAt === null) await nextTurn();
    }
    return counted;
  }

  /** Returns a batch that a principal may see, of one form or of any. Throws AppError `not_found`. */
  async read(principal: Principal, id: string, form?: InferenceBatch["form"]): Promise<CountedBatch> {
    const batch = batchId.test(id) ? await stored(this.#store.batch(id)) : null;
    if (batch && (form ?? batch.form) === batch.form && batch.endedAt !== deleted && isSeen(principal, batch))
      return this.#counted(principal, batch);
    throw new AppError("not_found", `batch "${id}" not found`);
  }

  /** Cancels a batch: what waits is not sent, and what runs is ended. Throws AppError. */
  async cancel(principal: Principal, id: string, form?: InferenceBatch["form"]): Promise<CountedBatch> {
    const { batch } = await this.read(principal, id, form);
    const { now } = this.#options;
    const change = { state: "cancelling" as const, cancellingAt: now() };
    const isCancelled = await stored(this.#store.changeBatch(id, ["validating", "in_progress"], change));
    if (isCancelled) await stored(this.#store.endPendingOf(id, "cancelled", now()));
    else if (batch.state !== "cancelling" && batch.state !== "cancelled")
      throw new AppError("conflict", `batch "${id}" cannot be cancelled: it is ${batch.state}`);
    this.#options.onWork();
    return this.read(principal, id, form);
  }

  /** Deletes a batch of a principal that has ended, with its answers. Throws AppError. */
  async remove(principal: Principal, id: string, form: InferenceBatch["form"]): Promise<void> {
    const { batch, isOwn: isMine } = await this.read(principal, id, form);
    if (!isMine) throw new AppError("not_found", `batch "${id}" not found`);
    if (batch.endedAt === null)
      throw new AppError("conflict", `batch "${id}" has not ended`, { hint: "cancel it first" });
    await stored(this.#store.changeBatch(id, [batch.state], { endedAt: deleted }));
    for (const file of [batch.outputFileId, batch.errorFileId])
      if (file !== "") await stored(this.#store.deleteFile(file));
  }

  get #store() {
    return this.#options.catalogue.store;
  }

  async #create(
    principal: Principal,
    given: Partial<InferenceBatch> & { operation: Operation },
    requests: readonly BatchRequest[] = [],
  ): Promise<CountedBatch> {
    refuseImpersonation(principal, "a batch");
    const { now, random, quotas, catalogue, onWork } = this.#options;
    const at = now();
    const batch: InferenceBatch = {
      id: newId("batch", at, random),
      ...makerOf(principal),
      form: "openai",
      llm: "",
      state: "validating",
      inputFileId: "",
      outputFileId: "",
      errorFileId: "",
      metadata: "{}",
      errors: "[]",
      total: 0,
      completed: 0,
      failed: 0,
      cancelled: 0,
      expired: 0,
      runner: "",
      createdAt: at,
      startedAt: null,
      cancellingAt: null,
      finalizingAt: null,
      endedAt: null,
      expiresAt: at + window,
      ...given,
    };
    const release = await quotas.reserveCounted(
      principal,
      () => stored(this.#store.openBatches()),
      (open) => {
        const has = open.filter(({ ownerId }) => ownerId === principal.userId).length;
        return quotas.reserve(catalogue.snapshot, principal, "batches", has);
      },
    );
    try {
      await stored(this.#store.addBatch(batch, ...standing(principal)));
      if (requests.length > 0) await this.#start(principal, batch, requests);
    } finally {
      release();
    }
    onWork();
    return this.#counted(principal, batch);
  }

  async #start(
    principal: Principal,
    batch: InferenceBatch,
    requests: readonly BatchRequest[],
  ): Promise<void> {
    const { ownerId, tokenId, operation, expiresAt: deadline, createdAt } = batch;
    const tasks = requests.map(({ customId, model: llm, text: request }, index) =>
      newTask({
        id: `${batch.id.replace("batch_", "batch_req_")}_${index + 1}`,
        ...{ ownerId, tokenId, operation, deadline, createdAt, customId, llm, request },
        batchId: batch.id,
        seq: index + 1,
      }),
    );
    await stored(this.#store.addTasks(tasks, ...standing(principal)));
    const change = { state: "in_progress" as const, startedAt: createdAt };
    const isBegun = await stored(this.#store.changeBatch(batch.id, ["validating"], change));
    // It can be seen, and cancelled, before all of its requests are stored.
    Object.assign(batch, isBegun ? change : await stored(this.#store.batch(batch.id)));
  }

  async #counted(principal: Principal, batch: InferenceBatch): Promise<CountedBatch> {
    const { completed, failed, cancelled, expired, endedAt, total } = batch;
    const counts = { completed, failed, cancelled, expired, pending: 0, running: 0 };
    if (endedAt === null) {
      const now = await stored(this.#store.taskCounts(batch.id));
      Object.assign(counts, { pending: total, ...(Object.keys(now).length > 0 && { pending: 0, ...now }) });
    }
    return { batch, counts, isOwn: isOwn(principal, batch) };
  }
}
