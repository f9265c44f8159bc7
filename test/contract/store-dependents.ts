import { describe, expect, it } from "vitest";
import { Catalogue } from "../../src/server/core/catalogue/catalogue.ts";
import { copyTables } from "../../src/server/core/store/copy-tables.ts";
import type { Doomed } from "../../src/server/core/store/dependents.ts";
import type { InferenceBatch, StoredFile } from "../../src/server/core/store/task-store.ts";
import type { Store, Write } from "../../src/server/core/store/types.ts";
import { newTask } from "../../src/server/inference/tasks/batch-work.ts";
import { insert, remove, row } from "./store-fixtures.ts";

const at = 1_700_000_000_000;
/** More than one step deletes. */
const count = 230;

const file: Omit<StoredFile, "id" | "ownerId" | "tokenId"> = {
  ...{ name: "in.jsonl", purpose: "batch", state: "processed", bytes: 2, createdAt: at, expiresAt: null },
};

const batch: Omit<InferenceBatch, "id" | "ownerId" | "tokenId"> = {
  ...{ form: "openai", operation: "chat", llm: "gpt", state: "in_progress", runner: "", metadata: "{}" },
  ...{ inputFileId: "", outputFileId: "", errorFileId: "", errors: "[]" },
  ...{ total: 0, completed: 0, failed: 0, cancelled: 0, expired: 0, createdAt: at, expiresAt: at + 1000 },
  ...{ startedAt: null, cancellingAt: null, finalizingAt: null, endedAt: null },
};

/** Everything large that a user has, by itself and by a token. */
async function fill(store: Store, ownerId: string, tokenId: string): Promise<void> {
  const own = { ownerId, tokenId };
  const named = (kind: string, n: number) => `${kind}_${ownerId}_${tokenId}_${String(n).padStart(4, "0")}`;
  const batchId = named("batch", 0);
  await store.addBatch({ ...batch, ...own, id: batchId });
  const task = { ...own, operation: "chat", llm: "gpt", request: "{}", deadline: at + 1000, createdAt: at };
  await store.addTasks(
    Array.from({ length: count }, (_, seq) =>
      newTask({ ...task, id: named("task", seq), ...(seq % 2 === 0 && { batchId, seq }) }),
    ),
  );
  const source = { ownerId, tokenId, llm: "gpt" };
  const running = await store.claimTask(source, "node", at);
  for (let seq = 0; seq < 20; seq++) await store.addTaskPart(running!.id, "node", seq, "part");
  await store.addFile({ ...file, ...own, id: named("file", 0) });
  for (let seq = 0; seq < 20; seq++) await store.addFilePart(named("file", 0), seq, "part");
  if (tokenId !== "") return;
  for (let n = 0; n < 3; n++) {
    const thread = {
      id: named("thr", n),
      agentId: "persona",
      ownerId,
      title: "",
      createdAt: at,
      updatedAt: at,
    };
    await store.addThread(thread);
    await store.appendToThread(thread.id, Array(120).fill({ role: "user", content: "hi" }), at);
    const object = { id: named("resp", n), llmId: "llm", place: "", at, expiresAt: at + 1000, pending: null };
    await store.putProviderObject({ ownerId, ...object });
  }
}

async function kept(store: Store, ownerId: string, tokenId = "") {
  const of = { ownerId, tokenId };
  const page = { limit: 1000 };
  return {
    tasks: (await store.tasksAlone(of, page)).length,
    batch: Object.values(await store.taskCounts(`batch_${ownerId}_${tokenId}_0000`)).length > 0,
    batches: (await store.batches(of, page)).length,
    files: (await store.files(of, page)).length,
    part: await store.filePart(`file_${ownerId}_${tokenId}_0000`, 0),
    threads: (await store.threads(ownerId)).length,
    messages: (await store.threadMessages(`thr_${ownerId}__0000`)).length,
    objects: (await store.providerObject(ownerId, `resp_${ownerId}__0000`)) !== null,
  };
}

const all = { tasks: 115, batch: true, batches: 1, files: 1, part: "part" };
const withThreads = { threads: 3, messages: 120, objects: true };
const none = { tasks: 0, batch: false, batches: 0, files: 0, part: null };
const withoutThreads = { threads: 0, messages: 0, objects: false };

/** The part of the store's contract that is about what goes away with rows of the catalogue (T362). */
export function dependentsContract(opened: () => Store): void {
  describe("what is deleted with something else", () => {
    const filled = async () => {
      const store = opened();
      await store.commit([
        ...["usr_1", "usr_2"].map((id) => insert(id, { kind: "user" })),
        insert("tok_1", { kind: "token", owner: "usr_1" }),
        insert("persona", { kind: "agent" }),
        insert("llm"),
      ]);
      for (const [owner, token] of [
        ["usr_1", ""],
        ["usr_1", "tok_1"],
        ["usr_2", ""],
      ] as const)
        await fill(store, owner, token);
      return store;
    };

    it.each<[string, Doomed, object, object, object]>([
      [
        "a user",
        { kind: "user", id: "usr_1" },
        { ...none, ...withoutThreads },
        { ...none, ...withoutThreads },
        { ...all, ...withThreads },
      ],
      [
        "the tasks of a token",
        { op: "deleteTasksOf", userId: "usr_1", tokenId: "tok_1" },
        { ...all, ...withThreads },
        { ...none, ...withThreads },
        { ...all, ...withThreads },
      ],
      [
        "the threads of a user",
        { op: "deleteThreadsOf", userId: "usr_1" },
        { ...all, ...withThreads, threads: 0, messages: 0 },
        { ...all, ...withThreads, threads: 0, messages: 0 },
        { ...all, ...withThreads },
      ],
      [
        "a persona",
        { kind: "agent", id: "persona" },
        { ...all, ...withThreads, threads: 0, messages: 0 },
        { ...all, ...withThreads, threads: 0, messages: 0 },
        { ...all, ...withThreads, threads: 0, messages: 0 },
      ],
      [
        "an llm",
        { kind: "llm", id: "llm" },
        { ...all, ...withThreads, objects: false },
        { ...all, ...withThreads, objects: false },
        { ...all, ...withThreads, objects: false },
      ],
    ])("goes with %s, and nothing else does", async (_, doomed, own, ofToken, ofOther) => {
      const store = await filled();
      await store.deleteDependents(doomed);
      expect(await kept(store, "usr_1")).toEqual(own);
      expect(await kept(store, "usr_1", "tok_1")).toEqual(ofToken);
      expect(await kept(store, "usr_2")).toEqual(ofOther);
    });

    it("is gone before another password is set, unless that would be refused (T362)", async () => {
      const store = await filled();
      const left: unknown[] = [];
      const catalogue = await Catalogue.open(
        {
          ...store,
          async commit(writes: readonly Write[]) {
            left.push(await kept(store, "usr_1"));
            return await store.commit(writes);
          },
        },
        () => {},
      );
      const others: Write[] = [
        { op: "deleteThreadsOf", userId: "usr_1" },
        { op: "deleteTasksOf", userId: "usr_1" },
      ];
      const renewed = (version: number): Write => ({
        op: "update",
        row: { ...row("usr_1"), kind: "user", version },
        refs: [],
      });
      await expect(catalogue.commit([renewed(7), ...others])).rejects.toMatchObject({ refusal: "stale" });
      expect(left).toEqual([]);
      expect(await kept(store, "usr_1")).toEqual({ ...all, ...withThreads });
      await catalogue.commit([renewed(2), ...others]);
      expect(left).toEqual([{ ...none, ...withoutThreads, objects: true }]);
      catalogue.close();
    });

    it("is there in full if somebody makes something that holds the row, just before it is deleted (T368)", async () => {
      const store = await filled();
      const catalogue = await Catalogue.open(
        {
          ...store,
          async commit(writes: readonly Write[]) {
            const holder = insert("holder", { kind: "project" }, ["persona"]);
            if (writes.some(({ op }) => op === "bury")) await store.commit([holder]);
            return await store.commit(writes);
          },
        },
        () => {},
      );
      await expect(catalogue.commit([remove("persona")])).rejects.toMatchObject({ refusal: "referenced" });
      expect(await kept(store, "usr_1")).toEqual({ ...all, ...withThreads });
      expect((await store.load()).rows.map(({ id }) => id)).toContain("persona");
      catalogue.close();
    });

    it("goes away after the row, which nobody sees, refers to or acts as meanwhile (T368)", async () => {
      const store = await filled();
      const failed: unknown[] = [];
      // As a server that is killed once the row is deleted.
      const deleteBuried = () => Promise.reject(new Error("killed"));
      const catalogue = await Catalogue.open({ ...store, deleteBuried }, (error) => failed.push(error));
      await catalogue.commit([remove("usr_1"), remove("persona")]);
      expect(failed).toHaveLength(1);
      expect(catalogue.snapshot.byId.has("usr_1")).toBe(false);
      const ids = async () => (await store.load()).rows.map(({ id }) => id);
      expect(await ids()).toEqual(expect.not.arrayContaining(["usr_1", "persona"]));
      const held: Write = insert("holder", { kind: "project" }, ["persona"]);
      await expect(store.commit([held])).rejects.toMatchObject({ refusal: "dangling" });
      const again: Write = { op: "bury", id: "persona", version: 1 };
      await expect(store.commit([again])).rejects.toMatchObject({ refusal: "stale" });
      const acting = { op: "ifStanding", rows: ["usr_1"], sessions: [] } as const;
      await expect(store.commit([acting])).rejects.toMatchObject({ refusal: "ended" });
      // A copy has none of it, and could not be restored otherwise.
      const copy = await store.copy();
      const lines: string[] = [];
      for (const table of copyTables)
        if (table.name !== "former_names") for await (const some of copy.lines(table)) lines.push(...some);
      await copy.close();
      expect(lines.filter((line) => line.includes("usr_2")).length).toBeGreaterThan(10);
      const ofGone = /"id":"(usr_1|persona)"|"thr_usr_|_id":"(usr_1|persona)"/;
      expect(lines.filter((line) => ofGone.test(line))).toEqual([]);
      expect((await kept(store, "usr_1")).messages).toBe(120);
      await store.deleteBuried();
      expect(await kept(store, "usr_1")).toEqual({ ...none, ...withoutThreads });
      expect(await kept(store, "usr_2")).toEqual({ ...all, ...withThreads, threads: 0, messages: 0 });
      catalogue.close();
    });
  });
}
