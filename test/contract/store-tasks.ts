import { describe, expect, it } from "vitest";
import type {
  InferenceBatch,
  InferenceTask,
  StoredFile,
  TaskStore,
} from "../../src/server/core/store/task-store.ts";
import type { Store } from "../../src/server/core/store/types.ts";
import { newTask } from "../../src/server/inference/tasks/batch-work.ts";
import { turnsOf } from "../support/turns.ts";
import { insert } from "./store-fixtures.ts";

const at = 1_700_000_000_000;

const file = (id: string, more: Partial<StoredFile> = {}): StoredFile => ({
  id,
  ownerId: "usr_1",
  tokenId: "",
  name: "größe.jsonl",
  purpose: "batch",
  state: "uploading",
  bytes: 0,
  createdAt: at,
  expiresAt: at + 1000,
  ...more,
});

const batch = (id: string, more: Partial<InferenceBatch> = {}): InferenceBatch => ({
  id,
  ownerId: "usr_1",
  tokenId: "",
  form: "openai",
  operation: "chat",
  llm: "gpt",
  state: "in_progress",
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
  expiresAt: at + 1000,
  ...more,
});

const task = (id: string, more: Partial<InferenceTask> = {}): InferenceTask =>
  newTask({
    ...{ id, ownerId: "usr_1", tokenId: "", operation: "chat", llm: "gpt", request: '{"größe":"🦙"}' },
    ...{ deadline: at + 1000, createdAt: at, ...more },
  });

const answers = { tooOften: "{}", inPart: '{"in":"part"}' };

/** The part of the store's contract that is about inference tasks, their batches and files. */
export function tasksContract(store: () => Store): void {
  const tasks = (): TaskStore => store();
  const users = () => store().commit([insert("usr_1", { kind: "user" }), insert("usr_2", { kind: "user" })]);
  const end = (state: InferenceTask["state"]) => ({
    state,
    status: 200,
    answer: '{"a":\n1}',
    requestId: "req_1",
  });
  const claimAll = async (runner = "node") => {
    const ids: string[] = [];
    for (;;) {
      const next = await tasks().claimTask({ batchId: "b" }, runner, at);
      if (!next) return ids;
      ids.push(next.id);
    }
  };

  describe("files", () => {
    it("exist for others once they are complete, and go away in steps when they are deleted or expire", async () => {
      await users();
      await tasks().addFile(file("f1"));
      for (let part = 0; part < 20; part++) await tasks().addFilePart("f1", part, `${part} ü\n`);
      expect(await tasks().files({ ownerId: "usr_1" }, { limit: 10 })).toEqual([]);
      expect(await tasks().completeFile("f1", 123)).toBe(true);
      await tasks().addFile(file("f2", { tokenId: "tok_1", expiresAt: null }));
      expect(await tasks().completeFile("f2", 7, at + 5)).toBe(true);
      await tasks().addFile(file("f3", { ownerId: "usr_2" }));
      const whole = file("f1", { state: "processed", bytes: 123 });
      expect(await tasks().file("f1")).toEqual(whole);
      expect((await tasks().files({ ownerId: "usr_1" }, { limit: 10 })).map(({ id }) => id)).toEqual([
        "f2",
        "f1",
      ]);
      expect(await tasks().files({ ownerId: "usr_1", tokenId: "" }, { limit: 10 })).toEqual([whole]);
      const page = { limit: 10, after: "f1", isAscending: true };
      expect(await tasks().files({ ownerId: "usr_1" }, page)).toMatchObject([
        { id: "f2", expiresAt: at + 5 },
      ]);
      expect(await tasks().fileUse("usr_1")).toEqual({ files: 2, bytes: 130 });
      expect(await tasks().filePart("f1", 19)).toBe("19 ü\n");
      await tasks().deleteFile("f1");
      expect(await tasks().completeFile("f1", 1)).toBe(false);
      expect(await tasks().fileUse("usr_1")).toEqual({ files: 1, bytes: 7 });
      let steps = 0;
      while (await tasks().pruneTasks(at + 5, at - 1, at)) steps++;
      expect(steps).toBeGreaterThan(1);
      expect(await tasks().file("f1")).toBeNull();
      expect(await tasks().filePart("f1", 0)).toBeNull();
      expect(await tasks().file("f2")).toBeNull();
      expect(await tasks().file("f3")).toMatchObject({ state: "uploading" });
      while (await tasks().pruneTasks(at + 5, at + 1, at));
      expect(await tasks().file("f3")).toBeNull();
    });
  });

  describe("tasks", () => {
    it("are taken once each, in the order of their lines, and end at the server that has them", async () => {
      await users();
      await tasks().addBatch(batch("b"));
      const inBatch = (id: string, seq: number, more = {}) => task(id, { batchId: "b", seq, ...more });
      const all = [
        inBatch("t2", 2),
        inBatch("t3", 3),
        inBatch("t1", 1),
        inBatch("late", 4, { notBefore: at + 1 }),
        inBatch("over", 5, { deadline: at }),
      ];
      await tasks().addTasks(all);
      await tasks().addTasks(all);
      expect(await tasks().taskCounts("b")).toEqual({ pending: 5 });
      const first = await tasks().claimTask({ batchId: "b" }, "node", at);
      expect(first).toEqual({ ...all[2], state: "running", runner: "node", attempts: 1, startedAt: at });
      const [one, other] = await Promise.all([claimAll(), claimAll("other")]);
      expect([...one, ...other].sort()).toEqual(["t2", "t3"]);
      expect(await tasks().endTask("t1", "other", end("completed"), at)).toBe(false);
      expect(await tasks().endTask("t1", "node", end("completed"), at + 9)).toBe(true);
      expect(await tasks().endTask("t1", "node", end("failed"), at)).toBe(false);
      expect(await tasks().task("t1")).toMatchObject({ ...end("completed"), runner: "", endedAt: at + 9 });
      expect((await tasks().tasksOfBatch("b", 1, 2)).map(({ id }) => id)).toEqual(["t2", "t3"]);
      await tasks().endPendingOf("b", "cancelled", at);
      expect(await tasks().taskCounts("b")).toEqual({ completed: 1, running: 2, cancelled: 2 });
    });

    it("are thousands of one batch that are read in the order of their lines, and end in several steps (T262)", async () => {
      await users();
      await tasks().addBatch(batch("b"));
      const all = Array.from({ length: 1200 }, (_, n) => task(`t${n}`, { batchId: "b", seq: n + 1 }));
      const { turns: turnsOfAdd } = await turnsOf(tasks().addTasks(all));
      // 24 statements, with turns for others in between.
      expect(turnsOfAdd).toBeGreaterThan(50);
      for (let n = 0; n < 3; n++) await tasks().claimTask({ batchId: "b" }, "node", at);
      await tasks().endTask("t1", "node", end("completed"), at);
      let turns = 0;
      let next = setImmediate(function count() {
        turns++;
        next = setImmediate(count);
      });
      await tasks().endPendingOf("b", "cancelled", at);
      clearImmediate(next);
      expect(turns).toBeGreaterThan(2);
      expect(await tasks().taskCounts("b")).toEqual({ completed: 1, running: 2, cancelled: 1197 });
      const page = await tasks().tasksOfBatch("b", 1, 3);
      expect(page.map(({ seq, state }) => [seq, state])).toEqual([
        [2, "completed"],
        [3, "running"],
        [4, "cancelled"],
      ]);
    });

    it("wait again when they are given back, and the attempt counts or not", async () => {
      await users();
      await tasks().addBatch(batch("b"));
      await tasks().addTasks([task("t", { batchId: "b", seq: 1 })]);
      for (const [counts, attempts] of [
        [false, 0],
        [true, 1],
      ] as const) {
        await claimAll();
        await tasks().releaseTask("t", "other", at, counts);
        expect(await tasks().task("t")).toMatchObject({ state: "running" });
        await tasks().releaseTask("t", "node", at, counts);
        expect(await tasks().task("t")).toMatchObject({ state: "pending", runner: "", attempts });
      }
    });

    it("of a server that is gone wait again, three times, and its batches are free (failure mode 197)", async () => {
      await users();
      await tasks().addBatch(batch("b"));
      await tasks().addTasks([task("t", { batchId: "b", seq: 1 })]);
      expect(await tasks().takeBatch("b", "gone")).toBe(true);
      expect(await tasks().takeBatch("b", "node")).toBe(false);
      for (const state of ["pending", "pending", "failed"]) {
        await claimAll("gone");
        await tasks().releaseLost(["gone"], 3, answers, at);
        expect(await tasks().runningTasks("gone")).toEqual(["t"]);
        await tasks().releaseLost(["node"], 3, answers, at);
        expect(await tasks().runningTasks("gone")).toEqual([]);
        expect(await tasks().task("t")).toMatchObject({ state });
      }
      expect(await tasks().task("t")).toMatchObject({ status: 500, answer: "{}", endedAt: at });
      expect(await tasks().takeBatch("b", "node")).toBe(true);
    });

    it("keep the parts of a streamed answer, with which one that is not idempotent is not sent again (failure mode 269)", async () => {
      await users();
      await tasks().addTasks([task("t1"), task("t2", { idempotent: 1 })]);
      const source = { ownerId: "usr_1", tokenId: "", llm: "gpt" };
      for (const id of ["t1", "t2"]) {
        expect(await tasks().addTaskPart(id, "", 0, "early")).toBe(false);
        expect(await tasks().claimTask(source, "gone", at)).toMatchObject({ id });
        expect(await tasks().addTaskPart(id, "other", 0, "foreign")).toBe(false);
        expect(await tasks().addTaskPart(id, "gone", 0, "a\0ü🦙")).toBe(true);
        expect(await tasks().addTaskPart(id, "gone", 1, "b")).toBe(true);
      }
      await tasks().releaseLost(["node"], 3, answers, at);
      expect(await tasks().taskFacts("t1")).toMatchObject({ state: "failed", idempotent: 0, endedAt: at });
      expect(await tasks().taskFacts("t1")).not.toHaveProperty("answer");
      expect(await tasks().task("t1")).toMatchObject({ answer: answers.inPart });
      expect(await tasks().task("t2")).toMatchObject({ state: "pending", idempotent: 1 });
      expect(await tasks().taskPart("t1", 1)).toBe("b");
      expect(await tasks().taskPart("t1", 2)).toBeNull();
      await tasks().dropTaskParts("t2");
      expect(await tasks().taskPart("t2", 0)).toBeNull();
      while (await tasks().pruneTasks(at, at, at + 1));
      expect(await tasks().taskFacts("t1")).toBeNull();
      expect(await tasks().taskPart("t1", 0)).toBeNull();
      expect(await tasks().taskFacts("t2")).toMatchObject({ state: "pending" });
    });

    it("by themselves have sources, keys of their owner, deadlines and an end", async () => {
      await users();
      const alone = [
        task("t1", { idempotencyKey: "k" }),
        task("t2", { idempotencyKey: "k" }),
        task("t3", { idempotencyKey: "k", ownerId: "usr_2", notBefore: 5 }),
        task("t4", { tokenId: "tok_1", deadline: at }),
      ];
      await tasks().addTasks(alone);
      expect((await tasks().tasksAlone({}, { limit: 9 })).map(({ id }) => id)).toEqual(["t4", "t3", "t1"]);
      expect(await tasks().taskOfKey({ ownerId: "usr_1", tokenId: "" }, "k")).toMatchObject({ id: "t1" });
      expect(await tasks().taskOfKey({ ownerId: "usr_1", tokenId: "" }, "")).toBeNull();
      expect(
        (await tasks().taskSources()).sort((a, b) =>
          a.ownerId + a.tokenId < b.ownerId + b.tokenId ? -1 : 1,
        ),
      ).toEqual([
        { ownerId: "usr_1", tokenId: "", llm: "gpt", notBefore: 0 },
        { ownerId: "usr_1", tokenId: "tok_1", llm: "gpt", notBefore: 0 },
        { ownerId: "usr_2", tokenId: "", llm: "gpt", notBefore: 5 },
      ]);
      const use = await tasks().taskUse("usr_1");
      expect(use).toEqual({ open: 2, bytes: expect.any(Number) });
      expect(use.bytes).toBeGreaterThan(0);
      await tasks().expireTasks(at);
      expect(await tasks().task("t4")).toMatchObject({ state: "expired" });
      const source = { ownerId: "usr_1", tokenId: "", llm: "gpt" };
      expect(await tasks().claimTask(source, "node", at)).toMatchObject({
        id: "t1",
        request: '{"größe":"🦙"}',
      });
      expect(await tasks().cancelRunning("t1", at)).toBe(true);
      expect(await tasks().endTask("t1", "node", end("completed"), at)).toBe(false);
      expect(await tasks().endPending("t3", "cancelled", at)).toBe(true);
      expect(await tasks().endPending("t3", "expired", at)).toBe(false);
      while (await tasks().pruneTasks(at, at, at + 1));
      expect(await tasks().tasksAlone({}, { limit: 9 })).toEqual([]);
    });
  });

  describe("batches", () => {
    it("change from the states that allow it, and lose their tasks after their end", async () => {
      await users();
      await tasks().addBatch(batch("b1", { metadata: '{"ü":"🦙"}' }));
      await tasks().addBatch(batch("b2", { ownerId: "usr_2", form: "anthropic" }));
      await tasks().addTasks([task("t", { batchId: "b1", seq: 1 })]);
      expect(await tasks().batch("b1")).toEqual(batch("b1", { metadata: '{"ü":"🦙"}' }));
      expect(await tasks().changeBatch("b1", ["validating"], { state: "failed" })).toBe(false);
      expect(await tasks().changeBatch("b1", ["in_progress"], { state: "cancelling" }, "node")).toBe(false);
      expect(
        await tasks().changeBatch("b1", ["in_progress"], { state: "cancelling", cancellingAt: at }),
      ).toBe(true);
      expect((await tasks().openBatches()).map(({ id }) => id)).toEqual(["b1", "b2"]);
      expect(await tasks().batches({ ownerId: "usr_2" }, { limit: 9 })).toMatchObject([{ id: "b2" }]);
      expect(await tasks().batches({}, { limit: 9, form: "openai" })).toMatchObject([{ id: "b1" }]);
      await tasks().changeBatch("b1", ["cancelling"], { state: "cancelled", endedAt: at });
      while (await tasks().pruneTasks(at, at, at));
      expect(await tasks().task("t")).toBeNull();
      expect(await tasks().batch("b1")).toMatchObject({ state: "cancelled" });
      while (await tasks().pruneTasks(at, at, at + 1));
      expect(await tasks().batch("b1")).toBeNull();
      expect(await tasks().batch("b2")).toMatchObject({ id: "b2" });
    });

    it("of one user, or of one token, are deleted with files and tasks in one write (T115, T266)", async () => {
      await users();
      const owners = [
        { ownerId: "usr_1", tokenId: "" },
        { ownerId: "usr_1", tokenId: "tok_1" },
        { ownerId: "usr_2", tokenId: "" },
      ];
      for (const [n, of] of owners.entries()) {
        await tasks().addFile(file(`f${n}`, of));
        await tasks().completeFile(`f${n}`, 1);
        await tasks().addBatch(batch(`b${n}`, of));
        await tasks().addTasks([task(`t${n}`, of), task(`l${n}`, { ...of, batchId: `b${n}`, seq: 1 })]);
      }
      const left = async () => {
        const files = await Promise.all(owners.map((_, n) => tasks().file(`f${n}`)));
        const facts = await Promise.all(owners.map((_, n) => tasks().taskFacts(`t${n}`)));
        const open = (await tasks().openBatches()).map(({ id }) => id).sort();
        return [files.map((one) => one?.state), facts.map((one) => one !== null), open];
      };
      await store().commit([{ op: "deleteTasksOf", userId: "usr_1", tokenId: "tok_1" }]);
      expect(await left()).toEqual([
        ["processed", "deleted", "processed"],
        [true, false, true],
        ["b0", "b2"],
      ]);
      await store().commit([{ op: "deleteTasksOf", userId: "usr_1" }]);
      expect(await left()).toEqual([["deleted", "deleted", "processed"], [false, false, true], ["b2"]]);
      while (await tasks().pruneTasks(at, at, at));
      expect([await tasks().batch("b0"), await tasks().taskFacts("l1")]).toEqual([null, null]);
      expect(await tasks().taskFacts("l2")).not.toBeNull();
    });

    it("of a deleted user are gone with their tasks and files", async () => {
      await users();
      await tasks().addFile(file("f1"));
      await tasks().addBatch(batch("b1"));
      await tasks().addTasks([task("t", { batchId: "b1", seq: 1 })]);
      await store().commit([{ op: "delete", id: "usr_1", version: 1 }]);
      expect([await tasks().file("f1"), await tasks().batch("b1"), await tasks().task("t")]).toEqual([
        null,
        null,
        null,
      ]);
    });
  });
}
