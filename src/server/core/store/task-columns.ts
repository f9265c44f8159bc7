import { type SQL, sql } from "drizzle-orm";
import type { InferenceBatch, TaskFacts } from "./task-store.ts";

/** A row of the tables of tasks, as the database gives it. */
export type FoundTaskRow = Record<string, unknown>;

export const fileColumns = columns({
  id: "id",
  ownerId: "owner_id",
  tokenId: "token_id",
  name: "name",
  purpose: "purpose",
  state: "state",
  bytes: "bytes",
  createdAt: "created_at",
  expiresAt: "expires_at",
});

export const batchColumns = columns({
  id: "id",
  ownerId: "owner_id",
  tokenId: "token_id",
  form: "form",
  operation: "operation",
  llm: "llm",
  state: "state",
  inputFileId: "input_file_id",
  outputFileId: "output_file_id",
  errorFileId: "error_file_id",
  metadata: "metadata",
  errors: "errors",
  total: "total",
  completed: "completed",
  failed: "failed",
  cancelled: "cancelled",
  expired: "expired",
  runner: "runner",
  createdAt: "created_at",
  startedAt: "started_at",
  cancellingAt: "cancelling_at",
  finalizingAt: "finalizing_at",
  endedAt: "ended_at",
  expiresAt: "expires_at",
} satisfies Record<keyof InferenceBatch, string>);

export const factColumns = columns({
  id: "id",
  ownerId: "owner_id",
  tokenId: "token_id",
  batchId: "batch_id",
  seq: "seq",
  customId: "custom_id",
  operation: "operation",
  llm: "llm",
  state: "state",
  status: "status",
  requestId: "request_id",
  attempts: "attempts",
  priority: "priority",
  idempotencyKey: "idempotency_key",
  idempotent: "idempotent",
  notBefore: "not_before",
  deadline: "deadline",
  runner: "runner",
  createdAt: "created_at",
  startedAt: "started_at",
  endedAt: "ended_at",
} satisfies Record<keyof TaskFacts, string>);

export const taskColumns = columns({ ...factColumns.names, request: "request", answer: "answer" });

/** Columns of numbers. PostgreSQL's driver gives 64-bit numbers as text. */
const numbers = new Set(
  "bytes createdAt expiresAt total completed failed cancelled expired startedAt cancellingAt finalizingAt endedAt seq status attempts priority idempotent notBefore deadline count files".split(
    " ",
  ),
);

function columns<K extends string>(names: Record<K, string>) {
  const list = Object.entries<string>(names).map(([key, name]) => sql.raw(`"${name}" as "${key}"`));
  return { names, selected: sql.join(list, sql`, `) };
}

/** Returns a row with its numbers as numbers. */
export function typed<T>(row: FoundTaskRow): T {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      numbers.has(key) && value !== null ? Number(value) : value,
    ]),
  ) as T;
}

/** Returns the row of an insert or the assignments of an update. */
export function values(names: Record<string, string>, row: object): { names: SQL; values: SQL; set: SQL } {
  const given = Object.entries(row).filter(([, value]) => value !== undefined);
  const column = (key: string) => sql.raw(`"${names[key]!}"`);
  return {
    names: sql.join(
      given.map(([key]) => column(key)),
      sql`, `,
    ),
    values: sql.join(
      given.map(([, value]) => sql`${value}`),
      sql`, `,
    ),
    set: sql.join(
      given.map(([key, value]) => sql`${column(key)} = ${value}`),
      sql`, `,
    ),
  };
}
