import { beforeEach, describe, expect, it } from "vitest";
import type { Standing } from "../../src/server/core/store/conditions.ts";
import type { InferenceBatch, StoredFile } from "../../src/server/core/store/task-store.ts";
import { type Store, StoreError, type Write } from "../../src/server/core/store/types.ts";
import { newTask } from "../../src/server/inference/tasks/batch-work.ts";
import { insert, remove, session, update } from "./store-fixtures.ts";

const at = 1_700_000_000_000;
const owned = { ownerId: "user", tokenId: "token" };

const file: StoredFile = {
  ...owned,
  ...{ id: "file", name: "in.jsonl", purpose: "batch", state: "uploading", bytes: 0, createdAt: at },
  expiresAt: null,
};

const batch: InferenceBatch = {
  ...owned,
  ...{ id: "batch", form: "openai", operation: "chat", llm: "gpt", state: "finalizing", runner: "node" },
  ...{ inputFileId: "", outputFileId: "", errorFileId: "", metadata: "{}", errors: "[]" },
  ...{ total: 0, completed: 0, failed: 0, cancelled: 0, expired: 0, createdAt: at, expiresAt: at + 1000 },
  ...{ startedAt: null, cancellingAt: null, finalizingAt: null, endedAt: null },
};

const task = newTask({
  ...{ id: "task", ...owned, operation: "chat", llm: "gpt", request: "{}" },
  ...{ deadline: at + 1000, createdAt: at },
});

const thread = { id: "thread", agentId: "persona", ownerId: "user", title: "", createdAt: at, updatedAt: at };

const provider = {
  ...{ id: "pvs", ownerId: "user", machineId: null, bootId: null, protocol: 1 },
  ...{ epoch: 1, createdAt: at, seenAt: at },
};

/** Everything that is stored on behalf of a principal: a write, and the look at what is there of it. */
const writes: Record<
  string,
  [(store: Store, ...standing: Standing[]) => Promise<unknown>, (store: Store) => Promise<unknown>]
> = {
  "a task": [(store, ...by) => store.addTasks([task], ...by), (store) => store.task("task")],
  "a batch": [(store, ...by) => store.addBatch(batch, ...by), (store) => store.batch("batch")],
  "a file": [(store, ...by) => store.addFile(file, ...by), (store) => store.file("file")],
  "a thread": [(store, ...by) => store.addThread(thread, ...by), (store) => store.thread("thread")],
  "the session of an agent": [
    (store, ...by) => store.addProviderSession(provider, ...by),
    async (store) => (await store.providerSessions()).find(({ id }) => id === "pvs"),
  ],
  "a row": [
    (store, ...by) => store.commit([...by, insert("new", { owner: "user" })]),
    async (store) => (await store.load()).rows.find(({ id }) => id === "new"),
  ],
};

/** Everything that ends a principal: its writes, and the principal. */
const ends: Record<string, [Write[], Omit<Standing, "op">]> = {
  "its login session ends": [
    [{ op: "deleteSession", id: "session" }],
    { rows: ["user"], sessions: ["session"] },
  ],
  "the password of its user is set": [
    [
      { op: "setPassword", userId: "user", hash: "new" },
      { op: "deleteSessionsOf", userId: "user" },
      { op: "deleteThreadsOf", userId: "user" },
      { op: "deleteTasksOf", userId: "user" },
    ],
    { rows: ["user"], sessions: ["session"] },
  ],
  "its user is deleted": [[remove("token"), remove("user")], { rows: ["user"], sessions: [] }],
  "its token is deleted": [[remove("token")], { rows: ["user", "token"], sessions: [] }],
  "its token is rotated": [
    [
      update("token", 2, { kind: "token" }),
      { op: "setBearer", tokenId: "token", hash: "new bearer" },
      { op: "deleteTasksOf", userId: "user", tokenId: "token" },
    ],
    { rows: ["user", "token"], sessions: [], bearer: "bearer" },
  ],
  "the token that made its token is deleted": [
    [remove("maker")],
    { rows: ["user", "token", "maker"], sessions: [] },
  ],
  "the user that acts as its user is deleted": [
    [remove("root")],
    { rows: ["user", "root"], sessions: ["acting"] },
  ],
  "the login that acts as its user ends": [
    [{ op: "deleteSession", id: "of root" }],
    { rows: ["user", "root"], sessions: ["acting", "of root"] },
  ],
};

/** The part of the store's contract that is about writes of principals that end meanwhile (T350). */
export function standingContract(open: () => Store): void {
  let store: Store;

  describe("a principal", () => {
    beforeEach(async () => {
      store = open();
      await store.commit([
        insert("user", { kind: "user" }),
        insert("root", { kind: "user" }),
        insert("token", { kind: "token", owner: "user" }),
        insert("maker", { kind: "token", owner: "user" }),
        insert("persona", { kind: "agent" }),
        { op: "setBearer", tokenId: "token", hash: "bearer" },
        { op: "insertSession", session: session("session", "user") },
        { op: "insertSession", session: session("of root", "root") },
        {
          op: "insertSession",
          session: { ...session("acting", "user"), impersonatorId: "root", impersonatorSessionId: "of root" },
        },
      ]);
    });

    it.each(Object.entries(ends))("stores nothing any more when %s (T350)", async (_, [end, principal]) => {
      await store.commit(end);
      for (const [what, [write, look]] of Object.entries(writes)) {
        const late = await write(store, { op: "ifStanding", ...principal }).catch((error) => error);
        expect(late, what).toEqual(new StoreError("ended"));
        expect((await look(store)) ?? null, what).toBeNull();
      }
    });

    it("stores everything while it stands", async () => {
      const all = { rows: ["user", "token", "maker", "root"], sessions: ["session", "acting", "of root"] };
      for (const [write, look] of Object.values(writes)) {
        await write(store, { op: "ifStanding", ...all, bearer: "bearer" });
        expect(await look(store)).toBeTruthy();
      }
    });

    it("gets no file of a batch that was taken away (T350)", async () => {
      const isMine = { op: "ifBatch", id: "batch", state: "finalizing", runner: "node" } as const;
      await store.addBatch(batch);
      await store.addFile(file, isMine);
      await store.commit([{ op: "deleteTasksOf", userId: "user" }]);
      expect((await store.file("file"))?.state).toBe("deleted");
      await store.addBatch({ ...batch, id: "other", runner: "other node" });
      for (const condition of [isMine, { ...isMine, id: "other" }])
        await expect(store.addFile({ ...file, id: "late" }, condition)).rejects.toThrow(
          new StoreError("stale"),
        );
      expect(await store.file("late")).toBeNull();
    });
  });
}
