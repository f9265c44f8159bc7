/** A value as SQL writes it; objects become JSON. */
export type EarlierValue = string | number | boolean | null | object;

const times = { created_at: 1_690_000_000_000, updated_at: 1_690_000_000_001 };

const resource = (
  id: string,
  kind: string,
  name: string,
  more: { owner?: string; spec?: object; status?: object } = {},
) => ({
  ...{ id, kind, scope: "", name, owner: more.owner ?? null, visibility: null },
  ...{ spec: more.spec ?? {}, status: more.status ?? {}, version: 3, ...times },
});

/**
 * Rows of every table, with all columns that there have ever been, in an order in which references are satisfied. A
 * database of an earlier schema gets those tables and columns that it knows.
 */
export const earlierRows: Readonly<Record<string, readonly Record<string, EarlierValue>[]>> = {
  resources: [
    resource("usr_1", "user", "alice", { spec: { displayName: "Größe 模型 🦙 '\\\"" } }),
    resource("sbe_1", "secretbackend", "default", { spec: { type: "plaintext", isDefault: true } }),
    resource("sec_1", "secret", "openai", {
      spec: { backend: "default" },
      status: { externalRef: "sec_1/ver_1", keys: ["k"] },
    }),
    resource("llm_1", "llm", "gpt", { owner: "usr_1", spec: { numbers: [0.5, 1e21], deep: { a: [null] } } }),
    resource("agt_1", "agent", "poet", { owner: "usr_1", spec: { llm: "gpt" } }),
    resource("tok_1", "token", "laptop", { owner: "usr_1" }),
    resource("srv_1", "server", "files", { spec: { replicas: 1 } }),
  ],
  refs: [
    { from_id: "sec_1", path: "/backend", to_id: "sbe_1", on_delete: "restrict" },
    { from_id: "agt_1", path: "/llm", to_id: "llm_1", on_delete: "restrict" },
  ],
  credentials: [
    { resource_id: "usr_1", type: "password", hash: "$argon2id$1", last_used_at: null },
    { resource_id: "tok_1", type: "bearer", hash: "hash-of-bearer", last_used_at: 1_690_000_000_002 },
  ],
  sessions: [
    {
      ...{ id: "ses_1", hash: "hash-of-session", user_id: "usr_1", created_at: 1, expires_at: 9e15 },
      ...{ impersonator_id: null, impersonator_session_id: null },
    },
  ],
  secret_data: [{ ref: "sec_1/ver_1", backend_id: "sbe_1", data: { k: "value of k" }, created_at: 5 }],
  secret_orphans: [{ ref: "sec_1/ver_0", backend_id: "sbe_1", doomed: true, at: 6 }],
  audit_events: [
    {
      ...{ at: 1_690_000_000_000, action: "llm_inference_call", request_id: "req_1", status: 200 },
      ...{
        user_id: "usr_1",
        token_id: "tok_1",
        llm: "gpt",
        pool_member: "gpt",
        model: "gpt-5",
        type: "openai",
      },
      ...{ dialect: "chat", streaming: true, duration_ms: 10, ttft_ms: 2, prompt_tokens: 3 },
      ...{ completion_tokens: 4, cached_tokens: 1, cost_micros: 7, error: null, detail: { attempts: 1 } },
    },
    { at: 1_690_000_000_001, action: "login", request_id: "req_2", status: 200, user_id: "usr_1" },
    {
      ...{ at: 1_690_000_000_002, action: "delete", request_id: "req_3", status: 200, user_id: "usr_1" },
      detail: { id: "llm_0", kind: "llm", name: "old" },
    },
  ],
  changes: [{ revision: 41, kind: "llm", id: "llm_1", operation: "update", at: 7 }],
  usage: [
    {
      ...{ day: "2023-07-01", user_id: "usr_1", token_id: "tok_1", llm: "gpt", requests: 5, errors: 1 },
      ...{ prompt_tokens: 30, completion_tokens: 40, cached_tokens: 10, cost_micros: 70 },
      ...{ unpriced: 1, images: 2, seconds: 3, characters: 4, searches: 5 },
    },
  ],
  provider_sessions: [
    {
      ...{ id: "pse_1", owner_id: "usr_1", machine_id: "m", boot_id: null, protocol: 3, epoch: 8 },
      ...{ created_at: 1, seen_at: 2 },
    },
  ],
  threads: [
    { id: "thr_1", agent_id: "agt_1", owner_id: "usr_1", title: "t", created_at: 1, updated_at: 2, size: 30 },
  ],
  thread_messages: [{ thread_id: "thr_1", seq: 1, message: '{"role":"user","content":"hi"}', at: 2 }],
  provider_objects: [
    {
      ...{ owner_id: "tok_1", id: "resp_1", llm_id: "llm_1", place: "p", at: 1, expires_at: 9e15 },
      pending: '{"call":1}',
    },
  ],
  former_names: [
    { id: "llm_0", kind: "llm", name: "old", owner: null, created_at: 0, deleted_at: 1_690_000_000_002 },
  ],
  stored_files: [
    {
      ...{ id: "file-1", owner_id: "usr_1", token_id: "tok_1", name: "in.jsonl", purpose: "batch" },
      ...{ state: "ready", bytes: 3, created_at: 1, expires_at: null },
    },
  ],
  stored_file_parts: [{ file_id: "file-1", seq: 1, content: "abc" }],
  inference_batches: [
    {
      ...{
        id: "batch_1",
        owner_id: "usr_1",
        token_id: "tok_1",
        form: "openai",
        operation: "chat",
        llm: "gpt",
      },
      ...{ state: "completed", input_file_id: "file-1", output_file_id: "", error_file_id: "" },
      ...{ metadata: "{}", errors: "[]", total: 1, completed: 1, failed: 0, cancelled: 0, expired: 0 },
      ...{ runner: "", created_at: 1, started_at: 2, cancelling_at: null, finalizing_at: 3, ended_at: 4 },
      expires_at: 9e15,
    },
  ],
  inference_tasks: [
    {
      ...{ id: "task_1", owner_id: "usr_1", token_id: "tok_1", batch_id: "batch_1", seq: 1, custom_id: "c" },
      ...{ operation: "chat", llm: "gpt", state: "completed", request: "{}", answer: "{}", status: 200 },
      ...{ request_id: "req_1", attempts: 1, priority: 0, idempotency_key: "", idempotent: 1, not_before: 0 },
      ...{ deadline: 9e15, runner: "", created_at: 1, started_at: 2, ended_at: 4 },
    },
  ],
  inference_task_parts: [{ task_id: "task_1", seq: 0, content: "data: 1\n\n" }],
  cluster_nodes: [{ id: "nod_1", name: "n", url: "http://n:7777", key: "k", process: "p", beat: 3 }],
  cluster_instances: [{ server_id: "srv_1", slot: "s", number: 1, node_id: "nod_1" }],
};

/** Returns the statement that adds a row, with those of its columns that a table has. */
export function insertOf(
  table: string,
  columns: readonly string[],
  row: Record<string, EarlierValue>,
): string {
  const known = Object.keys(row).filter((name) => columns.includes(name));
  const values = known.map((name) => literal(row[name]!));
  return `insert into "${table}" (${known.map((name) => `"${name}"`).join(", ")}) values (${values.join(", ")})`;
}

function literal(value: EarlierValue): string {
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return `'${text.replaceAll("'", "''")}'`;
}
