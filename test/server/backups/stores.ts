import { join } from "node:path";
import { makeBackup } from "../../../src/server/backups/make-backup.ts";
import { type Restored, restore } from "../../../src/server/backups/restore.ts";
import type { Merge } from "../../../src/server/backups/restore-plan.ts";
import { newId } from "../../../src/server/core/ids.ts";
import { copyTables } from "../../../src/server/core/store/copy-tables.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import type { Row, Store, Write } from "../../../src/server/core/store/types.ts";
import { newTask } from "../../../src/server/inference/tasks/batch-work.ts";
import { collected, inPieces } from "../../backup/archives.ts";
import { event, row, session } from "../../contract/store-fixtures.ts";
import { databaseWithTables } from "../../postgres.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

export const now = 1_764_417_600_000;

export const dialects: [name: string, fresh: () => Promise<Store>][] = [
  ["SQLite", () => openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: () => now })],
  ["PostgreSQL", async () => openStore({ url: await databaseWithTables(), now: () => now })],
];

/** A new row whose id is one of its kind. */
export function rowOf(kind: string, prefix: string, name: string, fields: Partial<Row> = {}): Row {
  return row(newId(prefix, now), { kind, name, ...fields });
}

const insert = (one: Row, ...refs: [path: string, toId: string][]): Write => ({
  op: "insert",
  row: one,
  refs: refs.map(([path, toId]) => ({ path, toId, onDelete: "restrict" as const })),
});

/** Fills every table of a store. Returns the rows that tests change. */
export async function filled(store: Store) {
  const admin = rowOf("user", "usr", "admin", { status: { builtIn: true } });
  const alice = rowOf("user", "usr", "alice", { spec: { displayName: "Größe 模型 🦙 \\u0000 \u2028" } });
  const plain = rowOf("secretbackend", "sbe", "default", {
    spec: { type: "plaintext", isDefault: true },
    status: { builtIn: true },
  });
  const sealed = rowOf("secretbackend", "sbe", "vault", { spec: { type: "sealed", isDefault: false } });
  const ids = [newId("sec", now), newId("sec", now)] as const;
  const secret = (id: string, name: string, backend: string): Row =>
    row(id, {
      kind: "secret",
      name,
      spec: { backend },
      status: { keys: ["k"], externalRef: `${id}/ver_1` },
      version: 7,
    });
  const openai = secret(ids[0], "openai", "default");
  const hidden = secret(ids[1], "hidden", "vault");
  const gpt = rowOf("llm", "llm", "gpt", {
    owner: alice.id,
    visibility: "private",
    spec: { numbers: [1e21, -0.5, 2 ** 53 - 1], deep: { a: [{}, [], null, true] }, "": "empty" },
  });
  const persona = rowOf("agent", "agt", "poet", { owner: alice.id, spec: { llm: "gpt" } });
  const server = rowOf("server", "srv", "files", { spec: { command: ["npx"], replicas: 2 } });
  const instance = rowOf("instance", "ins", "files-1", { status: { server: "files" } });
  const token = rowOf("token", "tok", "laptop", { owner: alice.id });
  await store.commit([
    ...[admin, alice, plain, sealed].map((one) => insert(one)),
    insert(openai, ["/backend", plain.id]),
    insert(hidden, ["/backend", sealed.id]),
    insert(gpt, ["/apiKeyRef", openai.id]),
    insert(persona, ["/llm", gpt.id]),
    ...[server, instance, token].map((one) => insert(one)),
    { op: "setPassword", userId: alice.id, hash: "$argon2id$alice" },
    { op: "setBearer", tokenId: token.id, hash: "hash-of-token" },
    { op: "insertSession", session: session("ses_1", alice.id, now + 1_000_000) },
    {
      op: "putSecretData",
      ref: `${openai.id}/ver_1`,
      backendId: plain.id,
      data: { k: "MARKED-VALUE" },
      at: 5,
    },
    {
      op: "putSecretData",
      ref: `${hidden.id}/ver_1`,
      backendId: sealed.id,
      data: { v: "1", kid: "0123456789abcdef", data: "sealed" },
      at: 5,
    },
    { op: "addOrphan", orphan: { ref: `${openai.id}/ver_0`, backendId: plain.id, doomed: true, at: 1 } },
    { op: "putSecretData", ref: `${openai.id}/ver_0`, backendId: plain.id, data: { k: "ORPHAN" }, at: 5 },
  ]);
  const gone = rowOf("user", "usr", "gone", { owner: admin.id });
  await store.commit([insert(gone)]);
  await store.commit([{ op: "delete", id: gone.id, version: gone.version }]);
  await store.addThread({
    id: "thr_1",
    agentId: persona.id,
    ownerId: alice.id,
    title: "t",
    createdAt: 1,
    updatedAt: 2,
  });
  await store.appendToThread("thr_1", [{ role: "user", content: "hi \0 \ud83e" }], 3);
  await addTasksOf(store, alice.id);
  await store.putProviderObject({
    ownerId: token.id,
    id: "resp_1",
    llmId: gpt.id,
    place: "p",
    at: 1,
    expiresAt: now * 2,
    pending: null,
  });
  await store.addProviderSession({
    id: "pse_1",
    ownerId: alice.id,
    machineId: null,
    bootId: null,
    protocol: 3,
    epoch: 1,
    createdAt: 1,
    seenAt: 1,
  });
  const call = {
    action: "llm_inference_call",
    userId: alice.id,
    tokenId: token.id,
    llm: "gpt",
    streaming: true,
  };
  await store.appendAudit([
    event(now, { ...call, promptTokens: 3, completionTokens: 4, costMicros: 5 }),
    event(now + 1, { ...call, streaming: false, promptTokens: 1, completionTokens: 1 }),
    event(now + 2, { detail: { kind: "llm", fields: ["a"], text: "🦙" } }),
  ]);
  return { admin, alice, plain, sealed, openai, hidden, gpt, persona, server, instance, token };
}

/** The database that every server has after its first start. */
export async function seeded(store: Store): Promise<Store> {
  const builtIn = { status: { builtIn: true } };
  await store.commit([
    insert(rowOf("user", "usr", "admin", builtIn)),
    insert(
      rowOf("secretbackend", "sbe", "default", { spec: { type: "plaintext", isDefault: true }, ...builtIn }),
    ),
    { op: "audit", event: event(now + 10, { action: "first start" }) },
  ]);
  return store;
}

/** Every row of every table that a backup can have, by table. */
export async function dump(store: Store): Promise<Record<string, Record<string, unknown>[]>> {
  const copy = await store.copy();
  const tables: Record<string, Record<string, unknown>[]> = {};
  for (const table of copyTables) {
    const rows: Record<string, unknown>[] = [];
    for await (const lines of copy.lines(table)) rows.push(...lines.map((line) => JSON.parse(line)));
    tables[table.name] = rows;
  }
  await copy.close();
  return tables;
}

export async function backedUp(
  store: Store,
  options: { secrets?: "references" | "values"; audit?: boolean } = {},
): Promise<Buffer> {
  const { secrets = "values", audit = true } = options;
  return collected((await makeBackup(store, { secrets, audit }, now)).bytes);
}

export function restored(
  store: Store,
  bytes: Uint8Array,
  options: { merge?: Merge; dryRun?: boolean; mayRunPrograms?: boolean } = {},
): Promise<Restored> {
  const { merge, dryRun = false, mayRunPrograms = true } = options;
  return restore(store, () => inPieces(bytes), { merge, dryRun, mayRunPrograms, hasMasterKey: () => false });
}

const emptyBatch = {
  ...{ form: "openai" as const, operation: "chat", llm: "gpt", metadata: "{}", errors: "[]", runner: "" },
  ...{ inputFileId: "file_1", outputFileId: "", errorFileId: "" },
  ...{ total: 1, completed: 1, failed: 0, cancelled: 0, expired: 0 },
  ...{
    createdAt: now,
    startedAt: now,
    cancellingAt: null,
    finalizingAt: null,
    endedAt: null,
    expiresAt: now,
  },
};

/** Adds a file, a batch and a task of a user that have ended; and such that have not, which stay behind. */
async function addTasksOf(store: Store, ownerId: string): Promise<void> {
  const maker = { ownerId, tokenId: "" };
  for (const [id, isComplete] of [
    ["file_1", true],
    ["file_2", false],
  ] as const) {
    const file = {
      id,
      ...maker,
      name: "größe",
      purpose: "batch" as const,
      bytes: 0,
      createdAt: now,
      expiresAt: null,
    };
    await store.addFile({ ...file, state: "uploading" });
    await store.addFilePart(id, 0, "{}\n");
    if (isComplete) await store.completeFile(id, 3);
  }
  for (const [id, state] of [
    ["batch_1", "completed"],
    ["batch_2", "in_progress"],
  ] as const)
    await store.addBatch({ ...emptyBatch, id, ...maker, state });
  const task = { ...maker, operation: "chat", llm: "gpt", request: "{}", deadline: now, createdAt: now };
  await store.addTasks([
    newTask({ ...task, id: "tsk_1", state: "running", runner: "a" }),
    newTask({ ...task, id: "tsk_2", state: "running", runner: "a" }),
    newTask({ ...task, id: "tsk_3", batchId: "batch_2", state: "completed" }),
  ]);
  for (const id of ["tsk_1", "tsk_2"]) await store.addTaskPart(id, "a", 0, "data: größe\n\n");
  await store.endTask(
    "tsk_1",
    "a",
    { state: "completed", answer: '{"a":1}', status: 200, requestId: "req_1" },
    now,
  );
}
