import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { InferenceBatch, InferenceTask, StoredFile } from "../task-store.ts";
import type { Change, Ref, Row } from "../types.ts";

/**
 * The tables of SQLite. `../postgres/schema.ts` has those of PostgreSQL, and a test compares the two. Times are
 * milliseconds since 1970, UTC. After a change: `bun run generate`.
 */
export const resources = sqliteTable(
  "resources",
  {
    id: text("id").primaryKey(),
    kind: text("kind").notNull(),
    scope: text("scope").notNull(),
    name: text("name").notNull(),
    owner: text("owner"),
    visibility: text("visibility").$type<Row["visibility"]>(),
    spec: text("spec", { mode: "json" }).$type<Row["spec"]>().notNull(),
    status: text("status", { mode: "json" }).$type<Row["status"]>().notNull(),
    version: integer("version").notNull(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [
    // The names of tokens are their owners' own (`ownedNames` of a kind).
    uniqueIndex("resources_names").on(
      table.kind,
      table.scope,
      table.name,
      sql`(case when "kind" = 'token' and "owner" is not null then "owner" else '' end)`,
    ),
    // Without it, two servers could each make another backend the default at the same time.
    uniqueIndex("resources_one_default_backend")
      .on(table.kind)
      .where(sql`"kind" = 'secretbackend' and json_extract("spec", '$.isDefault') = 1`),
  ],
);

export const refs = sqliteTable(
  "refs",
  {
    fromId: text("from_id")
      .notNull()
      .references(() => resources.id, { onDelete: "cascade" }),
    path: text("path").notNull(),
    toId: text("to_id")
      .notNull()
      .references(() => resources.id),
    onDelete: text("on_delete").$type<Ref["onDelete"]>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.fromId, table.path] }), index("refs_to_id").on(table.toId)],
);

/** The feed of changes. Revisions have no gaps: a missing one was pruned. */
export const changes = sqliteTable("changes", {
  revision: integer("revision").primaryKey({ autoIncrement: true }),
  kind: text("kind").notNull(),
  id: text("id").notNull(),
  operation: text("operation").$type<Change["operation"]>().notNull(),
  at: integer("at").notNull(),
});

export const secretData = sqliteTable("secret_data", {
  ref: text("ref").primaryKey(),
  data: text("data", { mode: "json" }).$type<Readonly<Record<string, string>>>().notNull(),
  createdAt: integer("created_at").notNull(),
  backendId: text("backend_id").notNull().default(""),
});

/** Orphans. Backends are not foreign keys here: a deleted backend may leave orphans behind. */
export const secretOrphans = sqliteTable("secret_orphans", {
  ref: text("ref").primaryKey(),
  backendId: text("backend_id").notNull(),
  doomed: integer("doomed", { mode: "boolean" }).notNull(),
  at: integer("at").notNull(),
});

/** Hashes of passwords of users and of bearers of tokens. */
export const credentials = sqliteTable(
  "credentials",
  {
    resourceId: text("resource_id")
      .primaryKey()
      .references(() => resources.id, { onDelete: "cascade" }),
    type: text("type").$type<"password" | "bearer">().notNull(),
    hash: text("hash").notNull(),
    lastUsedAt: integer("last_used_at"),
  },
  (table) => [uniqueIndex("credentials_bearer").on(table.hash).where(sql`"type" = 'bearer'`)],
);

export const sessions = sqliteTable(
  "sessions",
  {
    id: text("id").primaryKey(),
    hash: text("hash").notNull(),
    userId: text("user_id")
      .notNull()
      .references(() => resources.id, { onDelete: "cascade" }),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at").notNull(),
    /** The user or token that acts as the user, in an impersonation. */
    impersonatorId: text("impersonator_id").references(() => resources.id, { onDelete: "cascade" }),
    /** The login session of that user; null for a token and for the Unix socket. */
    impersonatorSessionId: text("impersonator_session_id"),
  },
  (table) => [uniqueIndex("sessions_hash").on(table.hash), index("sessions_user_id").on(table.userId)],
);

/**
 * The audit log. Users and tokens are not foreign keys here: their events stay after they are deleted. There are no
 * indexes for filters, because every inference call adds a row and each index costs it 3 µs: searches go back in time.
 */
export const auditEvents = sqliteTable("audit_events", {
  id: integer("id").primaryKey(),
  at: integer("at").notNull(),
  action: text("action").notNull(),
  requestId: text("request_id").notNull(),
  userId: text("user_id"),
  tokenId: text("token_id"),
  status: integer("status").notNull(),
  llm: text("llm"),
  poolMember: text("pool_member"),
  model: text("model"),
  type: text("type"),
  dialect: text("dialect"),
  streaming: integer("streaming", { mode: "boolean" }),
  durationMs: integer("duration_ms"),
  ttftMs: integer("ttft_ms"),
  promptTokens: integer("prompt_tokens"),
  completionTokens: integer("completion_tokens"),
  cachedTokens: integer("cached_tokens"),
  costMicros: integer("cost_micros"),
  error: text("error"),
  detail: text("detail", { mode: "json" }).$type<Record<string, unknown>>(),
});

/** Usage, summed up from the audit log. Llms are here by name: the usage of an llm stays after it is deleted. */
export const usage = sqliteTable(
  "usage",
  {
    day: text("day").notNull(),
    userId: text("user_id").notNull(),
    tokenId: text("token_id").notNull(),
    llm: text("llm").notNull(),
    requests: integer("requests").notNull(),
    errors: integer("errors").notNull(),
    promptTokens: integer("prompt_tokens").notNull(),
    completionTokens: integer("completion_tokens").notNull(),
    cachedTokens: integer("cached_tokens").notNull(),
    costMicros: integer("cost_micros").notNull(),
    unpriced: integer("unpriced").notNull().default(0),
    images: integer("images").notNull().default(0),
    seconds: integer("seconds").notNull().default(0),
    characters: integer("characters").notNull().default(0),
    searches: integer("searches").notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.day, table.userId, table.tokenId, table.llm] })],
);

/** Names of deleted rows by their ids, which stay in the audit log and in the usage. */
export const formerNames = sqliteTable(
  "former_names",
  {
    id: text("id").primaryKey(),
    kind: text("kind").notNull(),
    name: text("name").notNull(),
    owner: text("owner"),
    createdAt: integer("created_at").notNull(),
    deletedAt: integer("deleted_at").notNull(),
  },
  (table) => [
    index("former_names_name").on(table.kind, table.name),
    index("former_names_deleted_at").on(table.deletedAt),
  ],
);

/** Sessions of workstation agents. */
export const providerSessions = sqliteTable(
  "provider_sessions",
  {
    id: text("id").primaryKey(),
    ownerId: text("owner_id")
      .notNull()
      .references(() => resources.id, { onDelete: "cascade" }),
    machineId: text("machine_id"),
    bootId: text("boot_id"),
    protocol: integer("protocol").notNull(),
    epoch: integer("epoch").notNull(),
    createdAt: integer("created_at").notNull(),
    seenAt: integer("seen_at").notNull(),
  },
  (table) => [index("provider_sessions_owner_id").on(table.ownerId)],
);

export const threads = sqliteTable(
  "threads",
  {
    id: text("id").primaryKey(),
    agentId: text("agent_id")
      .notNull()
      .references(() => resources.id, { onDelete: "cascade" }),
    ownerId: text("owner_id")
      .notNull()
      .references(() => resources.id, { onDelete: "cascade" }),
    title: text("title").notNull(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
    /** Bytes of its messages, as JSON. */
    size: integer("size").notNull().default(0),
  },
  (table) => [
    index("threads_agent_id").on(table.agentId),
    index("threads_owner_id").on(table.ownerId, table.id),
    index("threads_owner_size").on(table.ownerId, table.size),
  ],
);

/** Messages of threads, as JSON text: PostgreSQL's jsonb would refuse or change some of them. */
export const threadMessages = sqliteTable(
  "thread_messages",
  {
    threadId: text("thread_id")
      .notNull()
      .references(() => threads.id, { onDelete: "cascade" }),
    seq: integer("seq").notNull(),
    message: text("message").notNull(),
    at: integer("at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.threadId, table.seq] })],
);

/** Answers and conversations that providers keep, by the user or token that made them. */
export const providerObjects = sqliteTable(
  "provider_objects",
  {
    ownerId: text("owner_id")
      .notNull()
      .references(() => resources.id, { onDelete: "cascade" }),
    id: text("id").notNull(),
    llmId: text("llm_id")
      .notNull()
      .references(() => resources.id, { onDelete: "cascade" }),
    place: text("place").notNull(),
    at: integer("at").notNull(),
    expiresAt: integer("expires_at").notNull(),
    /** The call of an answer that runs in the background and is not booked yet, as JSON. */
    pending: text("pending"),
  },
  (table) => [
    primaryKey({ columns: [table.ownerId, table.id] }),
    index("provider_objects_llm_id").on(table.llmId),
    index("provider_objects_expires_at").on(table.expiresAt),
  ],
);

/** Files of users: the requests of batches, and what became of them. */
export const storedFiles = sqliteTable(
  "stored_files",
  {
    id: text("id").primaryKey(),
    ownerId: text("owner_id")
      .notNull()
      .references(() => resources.id, { onDelete: "cascade" }),
    tokenId: text("token_id").notNull(),
    name: text("name").notNull(),
    purpose: text("purpose").$type<StoredFile["purpose"]>().notNull(),
    state: text("state").$type<StoredFile["state"]>().notNull(),
    bytes: integer("bytes").notNull(),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at"),
  },
  (table) => [index("stored_files_owner_id").on(table.ownerId, table.id)],
);

/** The text of files, in parts. */
export const storedFileParts = sqliteTable(
  "stored_file_parts",
  {
    fileId: text("file_id")
      .notNull()
      .references(() => storedFiles.id, { onDelete: "cascade" }),
    seq: integer("seq").notNull(),
    content: text("content").notNull(),
  },
  (table) => [primaryKey({ columns: [table.fileId, table.seq] })],
);

/** Batches of inference tasks. */
export const inferenceBatches = sqliteTable(
  "inference_batches",
  {
    id: text("id").primaryKey(),
    ownerId: text("owner_id")
      .notNull()
      .references(() => resources.id, { onDelete: "cascade" }),
    tokenId: text("token_id").notNull(),
    form: text("form").$type<InferenceBatch["form"]>().notNull(),
    operation: text("operation").notNull(),
    llm: text("llm").notNull(),
    state: text("state").$type<InferenceBatch["state"]>().notNull(),
    inputFileId: text("input_file_id").notNull(),
    outputFileId: text("output_file_id").notNull(),
    errorFileId: text("error_file_id").notNull(),
    metadata: text("metadata").notNull(),
    errors: text("errors").notNull(),
    total: integer("total").notNull(),
    completed: integer("completed").notNull(),
    failed: integer("failed").notNull(),
    cancelled: integer("cancelled").notNull(),
    expired: integer("expired").notNull(),
    /** The server that works on the batch as a whole; "" for none. */
    runner: text("runner").notNull(),
    createdAt: integer("created_at").notNull(),
    startedAt: integer("started_at"),
    cancellingAt: integer("cancelling_at"),
    finalizingAt: integer("finalizing_at"),
    endedAt: integer("ended_at"),
    expiresAt: integer("expires_at").notNull(),
  },
  (table) => [
    index("inference_batches_owner_id").on(table.ownerId, table.id),
    index("inference_batches_state").on(table.state),
  ],
);

/** Calls of models that wait, run, or have ended, each by itself or in a batch. */
export const inferenceTasks = sqliteTable(
  "inference_tasks",
  {
    id: text("id").primaryKey(),
    ownerId: text("owner_id")
      .notNull()
      .references(() => resources.id, { onDelete: "cascade" }),
    tokenId: text("token_id").notNull(),
    batchId: text("batch_id").references(() => inferenceBatches.id, { onDelete: "cascade" }),
    seq: integer("seq").notNull(),
    customId: text("custom_id").notNull(),
    operation: text("operation").notNull(),
    llm: text("llm").notNull(),
    state: text("state").$type<InferenceTask["state"]>().notNull(),
    /** The request and the answer, as JSON text: PostgreSQL's jsonb would refuse or change some of them. */
    request: text("request").notNull(),
    answer: text("answer"),
    status: integer("status"),
    requestId: text("request_id").notNull(),
    attempts: integer("attempts").notNull(),
    priority: integer("priority").notNull(),
    idempotencyKey: text("idempotency_key").notNull(),
    /** 1 if it may be sent again although a part of its answer was there. */
    idempotent: integer("idempotent").notNull().default(0),
    notBefore: integer("not_before").notNull(),
    deadline: integer("deadline").notNull(),
    /** The server that runs the task; "" for none. */
    runner: text("runner").notNull(),
    createdAt: integer("created_at").notNull(),
    startedAt: integer("started_at"),
    endedAt: integer("ended_at"),
  },
  (table) => [
    // Not of the others: SQLite would look through all of them here, instead of in the index that fits (T363).
    index("inference_tasks_batch_id")
      .on(table.batchId, table.state, table.seq)
      .where(sql`"batch_id" is not null`),
    index("inference_tasks_alone_id").on(table.id).where(sql`"batch_id" is null`),
    index("inference_tasks_alone").on(table.state, table.deadline).where(sql`"batch_id" is null`),
    index("inference_tasks_running").on(table.runner).where(sql`"state" = 'running'`),
    uniqueIndex("inference_tasks_idempotency_key")
      .on(table.ownerId, table.tokenId, table.idempotencyKey)
      .where(sql`"idempotency_key" <> ''`),
    index("inference_tasks_owner_id").on(table.ownerId),
    index("inference_tasks_own").on(table.ownerId, table.id).where(sql`"batch_id" is null`),
    index("inference_tasks_ended_at").on(table.endedAt).where(sql`"batch_id" is null`),
  ],
);

/** Answers of tasks that come as streams, in parts. */
export const inferenceTaskParts = sqliteTable(
  "inference_task_parts",
  {
    taskId: text("task_id")
      .notNull()
      .references(() => inferenceTasks.id, { onDelete: "cascade" }),
    seq: integer("seq").notNull(),
    content: text("content").notNull(),
  },
  (table) => [primaryKey({ columns: [table.taskId, table.seq] })],
);

/** The last row of the audit log that is included in the usage. The table has one row. */
export const usageThrough = sqliteTable("usage_through", { row: integer("row").notNull() });
