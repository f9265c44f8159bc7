import type { WriteCondition } from "./conditions.ts";
import type { DependentQueries } from "./dependents.ts";

/** A file of a user: the requests of a batch, or what became of them. Its text is stored in parts. */
export interface StoredFile {
  id: string;
  /** The user. */
  ownerId: string;
  /** The token that made it; "" for the user itself. */
  tokenId: string;
  name: string;
  purpose: "batch" | "batch_output";
  /** A file that is `uploading` has no end yet, and maybe never gets one. One that is `deleted` goes away in steps. */
  state: "uploading" | "processed" | "deleted";
  bytes: number;
  createdAt: number;
  expiresAt: number | null;
}

/** The state of one task. The last four are final. */
export type TaskState = "pending" | "running" | "completed" | "failed" | "cancelled" | "expired";

/** One call of a model that waits, runs, or has ended. */
export interface InferenceTask {
  id: string;
  ownerId: string;
  tokenId: string;
  /** Null for a task by itself. */
  batchId: string | null;
  /** The number of its line in the batch, from 1. */
  seq: number;
  /** The id that its maker gave it; "" for none. */
  customId: string;
  operation: string;
  /** The model that the request names: an llm, a pool or a persona. */
  llm: string;
  state: TaskState;
  /** The body of the request. */
  request: string;
  /** The body of the answer or of the error. */
  answer: string | null;
  /** The HTTP status of the answer; null where there was none. */
  status: number | null;
  /** The id of its last call, by which the audit log knows it. */
  requestId: string;
  /** The calls that count: those that found their llm absent do not. */
  attempts: number;
  /** Higher ones go first. */
  priority: number;
  /** A second task with the same key is the first one; "" for none. */
  idempotencyKey: string;
  /** 1 if it may be sent again although a part of its answer was there. */
  idempotent: 0 | 1;
  notBefore: number;
  deadline: number;
  /** The server that runs it; "" for none. */
  runner: string;
  createdAt: number;
  startedAt: number | null;
  endedAt: number | null;
}

/** A task without its texts. */
export type TaskFacts = Omit<InferenceTask, "request" | "answer">;

/** The state of a batch, in OpenAI's words: https://platform.openai.com/docs/api-reference/batch/object */
export type BatchState =
  | "validating"
  | "failed"
  | "in_progress"
  | "finalizing"
  | "completed"
  | "expired"
  | "cancelling"
  | "cancelled";

/** Several tasks of one user, and of one model. */
export interface InferenceBatch {
  id: string;
  ownerId: string;
  tokenId: string;
  /** The API that it was made with. */
  form: "openai" | "anthropic";
  operation: string;
  /** The model of all requests; "" until it is known. */
  llm: string;
  state: BatchState;
  /** Ids of files; "" for none. */
  inputFileId: string;
  outputFileId: string;
  errorFileId: string;
  /** JSON. */
  metadata: string;
  /** The faults of the input, as JSON. */
  errors: string;
  /** Numbers of tasks. Until the end only `total` is set. */
  total: number;
  completed: number;
  failed: number;
  cancelled: number;
  expired: number;
  runner: string;
  createdAt: number;
  startedAt: number | null;
  cancellingAt: number | null;
  finalizingAt: number | null;
  endedAt: number | null;
  expiresAt: number;
}

/** The objects of a user: all, or those of one token. */
export interface OwnedBy {
  ownerId: string;
  tokenId?: string;
}

/** A part of a list: those behind one, in the order of their ids. */
export interface Page {
  after?: string;
  limit: number;
  isAscending?: boolean;
}

/** The place from which a server takes its next task. */
export type TaskSource = { batchId: string } | { ownerId: string; tokenId: string; llm: string };

/** The end of a task. */
export type TaskEnd = Pick<InferenceTask, "state" | "status" | "answer" | "requestId">;

/** The answers of tasks that fail because their server is gone, as JSON. */
export interface LostAnswers {
  /** For one that has begun too often. */
  tooOften: string;
  /** For one whose answer was there in part. */
  inPart: string;
}

/** An error for tasks of any operation: its HTTP status, and its body as JSON in both forms. */
export interface FailedAs {
  status: number;
  openai: string;
  anthropic: string;
}

/** The part of the store for inference tasks, their batches and their files. */
export interface TaskStore extends DependentQueries {
  /** Stores a new file without a text, if some conditions hold. */
  addFile(file: StoredFile, ...conditions: WriteCondition[]): Promise<void>;
  addFilePart(fileId: string, seq: number, content: string): Promise<void>;
  /** Completes a file that is uploading. Returns false if it is gone. */
  completeFile(id: string, bytes: number, expiresAt?: number): Promise<boolean>;
  file(id: string): Promise<StoredFile | null>;
  /** Returns complete files. */
  files(of: OwnedBy, page: Page & { purpose?: string }): Promise<StoredFile[]>;
  /** Returns the text of a part; null behind the last one. */
  filePart(fileId: string, seq: number): Promise<string | null>;
  /** Deletes a file for all who look. Its parts go away in steps. */
  deleteFile(id: string): Promise<void>;
  /** Returns the number of a user's files and the sum of their bytes. */
  fileUse(ownerId: string): Promise<{ files: number; bytes: number }>;

  /** Stores a new batch, if some conditions hold. */
  addBatch(batch: InferenceBatch, ...conditions: WriteCondition[]): Promise<void>;
  batch(id: string): Promise<InferenceBatch | null>;
  /** Returns batches of a user, or of all. */
  batches(of: Partial<OwnedBy>, page: Page & { form?: InferenceBatch["form"] }): Promise<InferenceBatch[]>;
  /** Returns all batches that have not ended. */
  openBatches(): Promise<InferenceBatch[]>;
  /** Takes a batch for a server that will work on it as a whole. Returns false if another one has it. */
  takeBatch(id: string, runner: string): Promise<boolean>;
  /**
   * Changes a batch that is in one of some states, and at a server if one is given. Returns false if it is not. The tasks
   * of one that has ended go away in steps.
   */
  changeBatch(
    id: string,
    from: readonly BatchState[],
    change: Partial<Omit<InferenceBatch, "id">>,
    runner?: string,
  ): Promise<boolean>;

  /**
   * Adds tasks, if some conditions hold. Those with an id that is there, or with the idempotency key of another one, are left
   * out.
   */
  addTasks(tasks: readonly InferenceTask[], ...conditions: WriteCondition[]): Promise<void>;
  task(id: string): Promise<InferenceTask | null>;
  taskFacts(id: string): Promise<TaskFacts | null>;
  /** Adds a part of the answer of a task that the server runs. Returns false if it no longer does. */
  addTaskPart(id: string, runner: string, seq: number, content: string): Promise<boolean>;
  /** Returns a part of the answer of a task, counted from 0; null behind the last one. */
  taskPart(id: string, seq: number): Promise<string | null>;
  /** Deletes the parts of the answer of a task. */
  dropTaskParts(id: string): Promise<void>;
  taskOfKey(of: Required<OwnedBy>, idempotencyKey: string): Promise<TaskFacts | null>;
  /** Returns tasks that are in no batch, of a user or of all. */
  tasksAlone(of: Partial<OwnedBy>, page: Page): Promise<TaskFacts[]>;
  /**
   * Returns the number of tasks of a user that are in no batch and have not ended, and the bytes of all that are in no
   * batch.
   */
  taskUse(ownerId: string): Promise<{ open: number; bytes: number }>;
  /** Returns tasks of a batch behind the one with that number, in order. */
  tasksOfBatch(batchId: string, after: number, limit: number): Promise<InferenceTask[]>;
  /** Returns the number of tasks of a batch, by state. */
  taskCounts(batchId: string): Promise<Partial<Record<TaskState, number>>>;
  /** Returns the sources of tasks that are in no batch and wait, with the time at which the first of them may run. */
  taskSources(): Promise<(Required<OwnedBy> & { llm: string; notBefore: number })[]>;
  /**
   * Takes the next task of a source that may run at that time, and counts the attempt: of a batch in the order of its lines,
   * of others the one with the highest priority.
   */
  claimTask(source: TaskSource, runner: string, now: number): Promise<InferenceTask | null>;
  /** Ends a task that the server runs. Returns false if it no longer does: somebody else has it, or it was cancelled. */
  endTask(id: string, runner: string, end: TaskEnd, now: number): Promise<boolean>;
  /** Lets a task wait again. An attempt that does not count is taken back. */
  releaseTask(id: string, runner: string, notBefore: number, counts: boolean): Promise<void>;
  /** Ends a task that waits. Returns false if it does not wait. */
  endPending(id: string, state: TaskState, now: number): Promise<boolean>;
  /** Ends a task that runs, whatever server runs it. That server finds out. */
  cancelRunning(id: string, now: number): Promise<boolean>;
  /** Ends the tasks of a batch that wait. */
  endPendingOf(batchId: string, state: TaskState, now: number): Promise<void>;
  /** Fails the tasks of a source that wait, each with the error in the form of its API. */
  failPendingOf(source: TaskSource, error: FailedAs, now: number): Promise<void>;
  /** Ends the tasks that are in no batch, wait, and are over their deadline. */
  expireTasks(now: number): Promise<void>;
  /** Returns the ids of the tasks that a server runs. */
  runningTasks(runner: string): Promise<string[]>;
  /**
   * Gives back what servers had that are no more: all but some, and on PostgreSQL but those with a lease. A task that has
   * begun `most` times fails, and so does one with a part of its answer that is not idempotent.
   */
  releaseLost(alive: readonly string[], most: number, answers: LostAnswers, now: number): Promise<void>;
  /**
   * Deletes some of the files that are deleted, have expired, or began before a time and never ended; of the tasks of
   * batches that have ended; and of the tasks and batches that ended before a time. Returns true if there may be more.
   */
  pruneTasks(now: number, uploadsBefore: number, endedBefore: number): Promise<boolean>;
}
