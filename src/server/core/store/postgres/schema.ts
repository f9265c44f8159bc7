import { sql } from "drizzle-orm";
import { bigint, boolean, index, jsonb, pgTable, primaryKey, text, uniqueIndex } from "drizzle-orm/pg-core";
import type { InferenceBatch, InferenceTask, StoredFile } from "../task-store.ts";
import type { Change, Ref, Row } from "../types.ts";

/** A column of whole numbers up to 2⁵³, the limit of JavaScript. */
const whole = (name: string) => bigint(name, { mode: "number" });

/** The tables of PostgreSQL; see `../sqlite/schema.ts`. After a change: `bun run generate`. */
export const resources = pgTable(
  "resources",
  {
    id: text("id").primaryKey(),
    kind: text("kind").notNull(),
    scope: text("scope").notNull(),
    name: text("name").notNull(),
    owner: text("owner"),
    visibility: text("visibility").$type<Row["visibility"]>(),
    spec: jsonb("spec").$type<Row["spec"]>().notNull(),
    status: jsonb("status").$type<Row["status"]>().notNull(),
    version: whole("version").notNull(),
    createdAt: whole("created_at").notNull(),
    updatedAt: whole("updated_at").notNull(),
  },
  (table) => [
    // The names of tokens are their owners' own (`ownedNames` of a kind).
    uniqueIndex("resources_names").on(
      table.kind,
      table.scope,
      table.name,
      sql`(case when "kind" = 'token' and "owner" is not null then "owner" else '' end)`,
    ),
    uniqueIndex("resources_one_default_backend")
      .on(table.kind)
      .where(sql`"kind" = 'secretbackend' and "spec" @> '{"isDefault": true}'`),
  ],
);

/** A column with the id of the row with which the rows of a table go away. */
const rowId = (name: string) =>
  text(name)
    .notNull()
    .references(() => resources.id, { onDelete: "cascade" });

export const refs = pgTable(
  "refs",
  {
    fromId: rowId("from_id"),
    path: text("path").notNull(),
    toId: text("to_id")
      .notNull()
      .references(() => resources.id),
    onDelete: text("on_delete").$type<Ref["onDelete"]>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.fromId, table.path] }), index("refs_to_id").on(table.toId)],
);

/** The feed of changes. Writers count revisions under their lock: a sequence would leave gaps after refused commits. */
export const changes = pgTable("changes", {
  revision: whole("revision").primaryKey(),
  kind: text("kind").notNull(),
  id: text("id").notNull(),
  operation: text("operation").$type<Change["operation"]>().notNull(),
  at: whole("at").notNull(),
});

export const secretData = pgTable("secret_data", {
  ref: text("ref").primaryKey(),
  data: jsonb("data").$type<Readonly<Record<string, string>>>().notNull(),
  createdAt: whole("created_at").notNull(),
  backendId: text("backend_id").notNull().default(""),
});

export const secretOrphans = pgTable("secret_orphans", {
  ref: text("ref").primaryKey(),
  backendId: text("backend_id").notNull(),
  doomed: boolean("doomed").notNull(),
  at: whole("at").notNull(),
});

export const credentials = pgTable(
  "credentials",
  {
    resourceId: text("resource_id")
      .primaryKey()
      .references(() => resources.id, { onDelete: "cascade" }),
    type: text("type").$type<"password" | "bearer">().notNull(),
    hash: text("hash").notNull(),
    lastUsedAt: whole("last_used_at"),
  },
  (table) => [uniqueIndex("credentials_bearer").on(table.hash).where(sql`"type" = 'bearer'`)],
);

export const sessions = pgTable(
  "sessions",
  {
    id: text("id").primaryKey(),
    hash: text("hash").notNull(),
    userId: rowId("user_id"),
    createdAt: whole("created_at").notNull(),
    expiresAt: whole("expires_at").notNull(),
    /** The user or token that acts as the user, in an impersonation. */
    impersonatorId: text("impersonator_id").references(() => resources.id, { onDelete: "cascade" }),
    /** The login session of that user; null for a token and for the Unix socket. */
    impersonatorSessionId: text("impersonator_session_id"),
  },
  (table) => [uniqueIndex("sessions_hash").on(table.hash), index("sessions_user_id").on(table.userId)],
);

export const auditEvents = pgTable("audit_events", {
  id: whole("id").primaryKey().generatedAlwaysAsIdentity(),
  at: whole("at").notNull(),
  action: text("action").notNull(),
  requestId: text("request_id").notNull(),
  userId: text("user_id"),
  tokenId: text("token_id"),
  status: whole("status").notNull(),
  llm: text("llm"),
  poolMember: text("pool_member"),
  model: text("model"),
  type: text("type"),
  dialect: text("dialect"),
  streaming: boolean("streaming"),
  durationMs: whole("duration_ms"),
  ttftMs: whole("ttft_ms"),
  promptTokens: whole("prompt_tokens"),
  completionTokens: whole("completion_tokens"),
  cachedTokens: whole("cached_tokens"),
  costMicros: whole("cost_micros"),
  error: text("error"),
  detail: jsonb("detail").$type<Record<string, unknown>>(),
});

export const usage = pgTable(
  "usage",
  {
    day: text("day").notNull(),
    userId: text("user_id").notNull(),
    tokenId: text("token_id").notNull(),
    llm: text("llm").notNull(),
    requests: whole("requests").notNull(),
    errors: whole("errors").notNull(),
    promptTokens: whole("prompt_tokens").notNull(),
    completionTokens: whole("completion_tokens").notNull(),
    cachedTokens: whole("cached_tokens").notNull(),
    costMicros: whole("cost_micros").notNull(),
    unpriced: whole("unpriced").notNull().default(0),
    images: whole("images").notNull().default(0),
    seconds: whole("seconds").notNull().default(0),
    characters: whole("characters").notNull().default(0),
    searches: whole("searches").notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.day, table.userId, table.tokenId, table.llm] })],
);

export const formerNames = pgTable(
  "former_names",
  {
    id: text("id").primaryKey(),
    kind: text("kind").notNull(),
    name: text("name").notNull(),
    owner: text("owner"),
    createdAt: whole("created_at").notNull(),
    deletedAt: whole("deleted_at").notNull(),
  },
  (table) => [
    index("former_names_name").on(table.kind, table.name),
    index("former_names_deleted_at").on(table.deletedAt),
  ],
);

export const providerSessions = pgTable(
  "provider_sessions",
  {
    id: text("id").primaryKey(),
    ownerId: rowId("owner_id"),
    machineId: text("machine_id"),
    bootId: text("boot_id"),
    protocol: whole("protocol").notNull(),
    epoch: whole("epoch").notNull(),
    createdAt: whole("created_at").notNull(),
    seenAt: whole("seen_at").notNull(),
  },
  (table) => [index("provider_sessions_owner_id").on(table.ownerId)],
);

export const threads = pgTable(
  "threads",
  {
    id: text("id").primaryKey(),
    agentId: rowId("agent_id"),
    ownerId: rowId("owner_id"),
    title: text("title").notNull(),
    createdAt: whole("created_at").notNull(),
    updatedAt: whole("updated_at").notNull(),
    /** Bytes of its messages, as JSON. */
    size: whole("size").notNull().default(0),
  },
  (t) => [
    index("threads_agent_id").on(t.agentId),
    index("threads_owner_id").on(t.ownerId, t.id),
    index("threads_owner_size").on(t.ownerId, t.size),
  ],
);

export const threadMessages = pgTable(
  "thread_messages",
  {
    threadId: text("thread_id")
      .notNull()
      .references(() => threads.id, { onDelete: "cascade" }),
    seq: whole("seq").notNull(),
    message: text("message").notNull(),
    at: whole("at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.threadId, table.seq] })],
);

export const providerObjects = pgTable(
  "provider_objects",
  {
    ownerId: rowId("owner_id"),
    id: text("id").notNull(),
    llmId: rowId("llm_id"),
    place: text("place").notNull(),
    at: whole("at").notNull(),
    expiresAt: whole("expires_at").notNull(),
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
export const storedFiles = pgTable(
  "stored_files",
  {
    id: text("id").primaryKey(),
    ownerId: rowId("owner_id"),
    tokenId: text("token_id").notNull(),
    name: text("name").notNull(),
    purpose: text("purpose").$type<StoredFile["purpose"]>().notNull(),
    state: text("state").$type<StoredFile["state"]>().notNull(),
    bytes: whole("bytes").notNull(),
    createdAt: whole("created_at").notNull(),
    expiresAt: whole("expires_at"),
  },
  (table) => [index("stored_files_owner_id").on(table.ownerId, table.id)],
);

/** The text of files, in parts. */
export const storedFileParts = pgTable(
  "stored_file_parts",
  {
    fileId: text("file_id")
      .notNull()
      .references(() => storedFiles.id, { onDelete: "cascade" }),
    seq: whole("seq").notNull(),
    content: text("content").notNull(),
  },
  (table) => [primaryKey({ columns: [table.fileId, table.seq] })],
);

/** Batches of inference tasks. */
export const inferenceBatches = pgTable(
  "inference_batches",
  {
    id: text("id").primaryKey(),
    ownerId: rowId("owner_id"),
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
    total: whole("total").notNull(),
    completed: whole("completed").notNull(),
    failed: whole("failed").notNull(),
    cancelled: whole("cancelled").notNull(),
    expired: whole("expired").notNull(),
    /** The server that works on the batch as a whole; "" for none. */
    runner: text("runner").notNull(),
    createdAt: whole("created_at").notNull(),
    startedAt: whole("started_at"),
    cancellingAt: whole("cancelling_at"),
    finalizingAt: whole("finalizing_at"),
    endedAt: whole("ended_at"),
    expiresAt: whole("expires_at").notNull(),
  },
  (table) => [
    index("inference_batches_owner_id").on(table.ownerId, table.id),
    index("inference_batches_state").on(table.state),
  ],
);

/** Calls of models that wait, run, or have ended, each by itself or in a batch. */
export const inferenceTasks = pgTable(
  "inference_tasks",
  {
    id: text("id").primaryKey(),
    ownerId: rowId("owner_id"),
    tokenId: text("token_id").notNull(),
    batchId: text("batch_id").references(() => inferenceBatches.id, { onDelete: "cascade" }),
    seq: whole("seq").notNull(),
    customId: text("custom_id").notNull(),
    operation: text("operation").notNull(),
    llm: text("llm").notNull(),
    state: text("state").$type<InferenceTask["state"]>().notNull(),
    /** The request and the answer, as JSON text: PostgreSQL's jsonb would refuse or change some of them. */
    request: text("request").notNull(),
    answer: text("answer"),
    status: whole("status"),
    requestId: text("request_id").notNull(),
    attempts: whole("attempts").notNull(),
    priority: whole("priority").notNull(),
    idempotencyKey: text("idempotency_key").notNull(),
    /** 1 if it may be sent again although a part of its answer was there. */
    idempotent: whole("idempotent").notNull().default(0),
    notBefore: whole("not_before").notNull(),
    deadline: whole("deadline").notNull(),
    /** The server that runs the task; "" for none. */
    runner: text("runner").notNull(),
    createdAt: whole("created_at").notNull(),
    startedAt: whole("started_at"),
    endedAt: whole("ended_at"),
  },
  (t) => [
    index("inference_tasks_batch_id").on(t.batchId, t.state, t.seq).where(sql`"batch_id" is not null`),
    index("inference_tasks_alone_id").on(t.id).where(sql`"batch_id" is null`),
    index("inference_tasks_alone").on(t.state, t.deadline).where(sql`"batch_id" is null`),
    index("inference_tasks_running").on(t.runner).where(sql`"state" = 'running'`),
    uniqueIndex("inference_tasks_idempotency_key")
      .on(t.ownerId, t.tokenId, t.idempotencyKey)
      .where(sql`"idempotency_key" <> ''`),
    index("inference_tasks_owner_id").on(t.ownerId),
    index("inference_tasks_own").on(t.ownerId, t.id).where(sql`"batch_id" is null`),
    index("inference_tasks_ended_at").on(t.endedAt).where(sql`"batch_id" is null`),
  ],
);

/** Answers of tasks that come as streams, in parts. */
export const inferenceTaskParts = pgTable(
  "inference_task_parts",
  {
    taskId: text("task_id")
      .notNull()
      .references(() => inferenceTasks.id, { onDelete: "cascade" }),
    seq: whole("seq").notNull(),
    content: text("content").notNull(),
  },
  (table) => [primaryKey({ columns: [table.taskId, table.seq] })],
);

/** The servers that are alive, each with a lease that it renews by counting `beat`. */
export const clusterNodes = pgTable("cluster_nodes", {
  id: text("id").primaryKey(),
  name: text("name").notNull(),
  url: text("url").notNull(),
  key: text("key").notNull(),
  process: text("process").notNull(),
  beat: whole("beat").notNull().default(0),
});

/** The instances of MCP servers that belong to a node. They end with its lease. */
export const clusterInstances = pgTable(
  "cluster_instances",
  {
    serverId: rowId("server_id"),
    slot: text("slot").notNull(),
    number: whole("number").notNull(),
    nodeId: text("node_id")
      .notNull()
      .references(() => clusterNodes.id, { onDelete: "cascade" }),
    epoch: whole("epoch").notNull().generatedAlwaysAsIdentity(),
  },
  (table) => [
    primaryKey({ columns: [table.serverId, table.slot] }),
    uniqueIndex("cluster_instances_number").on(table.serverId, table.number),
    index("cluster_instances_node_id").on(table.nodeId),
  ],
);
