import { describe, expect, it } from "vitest";
import { copyTables } from "../../src/server/core/store/copy-tables.ts";
import type { ProviderObject, ProviderSession, Store, Thread } from "../../src/server/core/store/types.ts";
import { insert } from "./store-fixtures.ts";

/** The part of the store's contract that is about agents' sessions and about conversations. */
export function linksContract(store: () => Store): void {
  const users = () =>
    store().commit([
      insert("usr_1", { kind: "user" }),
      insert("usr_2", { kind: "user" }),
      insert("agt_1", { kind: "agent" }),
      insert("agt_2", { kind: "agent" }),
    ]);

  describe("objects of providers", () => {
    const object = (id: string, more: Partial<ProviderObject> = {}): ProviderObject => ({
      ownerId: "usr_1",
      id,
      llmId: "llm_1",
      place: "p",
      at: 1_700_000_000_000,
      expiresAt: 1_800_000_000_000,
      pending: null,
      ...more,
    });
    const rows = async () => {
      await users();
      await store().commit([insert("llm_1")]);
    };

    it("are found by owner and id, replaced, and deleted", async () => {
      await rows();
      await store().putProviderObject(object("resp_1"));
      await store().putProviderObject(object("resp_1", { ownerId: "usr_2", place: "q" }));
      await store().putProviderObject(object("resp_1", { place: "r" }));
      expect(await store().providerObject("usr_1", "resp_1")).toEqual(object("resp_1", { place: "r" }));
      await store().deleteProviderObject("usr_1", "resp_1");
      await store().deleteProviderObject("usr_1", "resp_1");
      expect(await store().providerObject("usr_1", "resp_1")).toBeNull();
      expect(await store().providerObject("usr_2", "resp_1")).toMatchObject({ place: "q" });
      expect(await store().providerObject("usr_2", "resp_2")).toBeNull();
    });

    it("are booked once, where they were pending, and count as not booked where they are gone (failure mode 164)", async () => {
      await rows();
      const pending = '{"requestId":"req_1"}';
      for (const [id, at] of [
        ["r1", 1],
        ["r2", 2],
        ["r3", 3],
      ] as const)
        await store().putProviderObject(object(id, { at, pending }));
      await store().putProviderObject(object("ended"));
      expect(await store().pendingProviderObjects(2)).toEqual([
        object("r3", { at: 3, pending }),
        object("r2", { at: 2, pending }),
      ]);
      const booked = [1, 2].map(() => store().bookProviderObject("usr_1", "r3"));
      expect((await Promise.all(booked)).sort()).toEqual([false, true]);
      expect(await store().bookProviderObject("usr_1", "ended")).toBe(false);
      expect(await store().bookProviderObject("usr_2", "r2")).toBe(true);
      expect((await store().pendingProviderObjects(9)).map(({ id }) => id)).toEqual(["r2", "r1"]);
    });

    it("go with their owner and their llm, and need both", async () => {
      await rows();
      await expect(store().putProviderObject(object("r", { ownerId: "usr_0" }))).rejects.toMatchObject({
        refusal: "dangling",
      });
      await store().putProviderObject(object("a"));
      await store().putProviderObject(object("a", { ownerId: "usr_2" }));
      await store().commit([{ op: "delete", id: "usr_1", version: 1 }]);
      expect(await store().providerObject("usr_1", "a")).toBeNull();
      await store().commit([{ op: "delete", id: "llm_1", version: 1 }]);
      expect(await store().providerObject("usr_2", "a")).toBeNull();
    });

    it("are pruned when they have expired, and the oldest when an owner has too many", async () => {
      await rows();
      await store().putProviderObject(object("old", { expiresAt: 5 }));
      for (const at of [1, 2, 3]) await store().putProviderObject(object(`r${at}`, { at }));
      await store().putProviderObject(object("other", { ownerId: "usr_2", at: 0 }));
      await store().pruneProviderObjects(5, 2);
      const there = async (owner: string, id: string) => (await store().providerObject(owner, id)) !== null;
      expect(await Promise.all(["old", "r1", "r2", "r3"].map((id) => there("usr_1", id)))).toEqual([
        ...[false, false],
        ...[true, true],
      ]);
      expect(await there("usr_2", "other")).toBe(true);
    });
  });

  describe("provider sessions", () => {
    const session = (id: string, more: Partial<ProviderSession> = {}): ProviderSession => ({
      id,
      ownerId: "usr_1",
      machineId: "machine",
      bootId: "boot",
      protocol: 2,
      epoch: 1,
      createdAt: 1_700_000_000_000,
      seenAt: 1_700_000_000_000,
      ...more,
    });
    const change = { bootId: "later", machineId: "other", protocol: 1, seenAt: 1_700_000_000_500 };
    const all = async () => (await store().providerSessions()).sort((a, b) => (a.id < b.id ? -1 : 1));

    it("are there as they were added, and gone when they are deleted", async () => {
      await users();
      const plain = session("pvs_2", { machineId: null, bootId: null, protocol: 1 });
      await store().addProviderSession(session("pvs_1"));
      await store().addProviderSession(plain);
      expect(await all()).toEqual([session("pvs_1"), plain]);
      await store().deleteProviderSession("pvs_1");
      await store().deleteProviderSession("pvs_1");
      expect(await all()).toEqual([plain]);
    });

    it("are added once, and for a user that is there", async () => {
      await users();
      await store().addProviderSession(session("pvs_1"));
      const refused = (one: ProviderSession) => store().addProviderSession(one);
      await expect(refused(session("pvs_1", { epoch: 9 }))).rejects.toMatchObject({ refusal: "taken" });
      await expect(refused(session("pvs_2", { ownerId: "usr_0" }))).rejects.toMatchObject({
        refusal: "dangling",
      });
      expect(await all()).toEqual([session("pvs_1")]);
    });

    it("are taken over with the next epoch, and with what is said of the process", async () => {
      await users();
      await store().addProviderSession(session("pvs_1"));
      await store().addProviderSession(session("pvs_2"));
      const taken = session("pvs_1", { ...change, epoch: 2 });
      expect(await store().raiseEpoch("pvs_1", change)).toEqual(taken);
      expect(await all()).toEqual([taken, session("pvs_2")]);
      expect(await store().raiseEpoch("pvs_0", change)).toBeNull();
      expect(await all()).toEqual([taken, session("pvs_2")]);
    });

    it("give each of many that take them at once an epoch of its own", async () => {
      await users();
      await store().addProviderSession(session("pvs_1"));
      const raised = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          store().raiseEpoch("pvs_1", { ...change, bootId: `boot-${index}` }),
        ),
      );
      const epochs = raised.map((one) => one?.epoch ?? 0).sort((a, b) => a - b);
      expect(epochs).toEqual(Array.from({ length: 20 }, (_, index) => index + 2));
      const [last] = await all();
      expect(last).toEqual(raised.find((one) => one?.epoch === 21));
    });

    it("remember when they were last heard of, and never an earlier time", async () => {
      await users();
      await store().addProviderSession(session("pvs_1"));
      await store().addProviderSession(session("pvs_2"));
      await store().touchProviderSessions(
        new Map([
          ["pvs_1", 1_700_000_060_000],
          ["pvs_2", 1_600_000_000_000],
          ["pvs_0", 1_700_000_060_000],
        ]),
      );
      await store().touchProviderSessions(new Map());
      expect(await all()).toEqual([session("pvs_1", { seenAt: 1_700_000_060_000 }), session("pvs_2")]);
    });

    it("go with their user, and are no change that anybody watches", async () => {
      const before = await users();
      await store().addProviderSession(session("pvs_1"));
      await store().addProviderSession(session("pvs_2", { ownerId: "usr_2" }));
      await store().raiseEpoch("pvs_1", change);
      expect((await store().load()).revision).toBe(before);
      await store().commit([{ op: "delete", id: "usr_1", version: 1 }]);
      expect(await all()).toEqual([session("pvs_2", { ownerId: "usr_2" })]);
    });
  });

  describe("threads", () => {
    const thread = (id: string, more: Partial<Thread> = {}): Thread => ({
      id,
      agentId: "agt_1",
      ownerId: "usr_1",
      title: "How do I …? 🦙",
      createdAt: 10,
      updatedAt: 10,
      ...more,
    });
    const idsOf = async (...which: Parameters<Store["threads"]>) =>
      (await store().threads(...which)).map(({ id }) => id);

    it("are found by their owner and persona, those last spoken in first", async () => {
      await users();
      await store().addThread(thread("thr_1"));
      await store().addThread(thread("thr_2", { agentId: "agt_2", updatedAt: 30 }));
      await store().addThread(thread("thr_3", { updatedAt: 20 }));
      await store().addThread(thread("thr_4", { ownerId: "usr_2" }));
      expect(await idsOf("usr_1")).toEqual(["thr_2", "thr_3", "thr_1"]);
      expect(await idsOf("usr_1", "agt_1")).toEqual(["thr_3", "thr_1"]);
      expect(await idsOf("usr_2", "agt_2")).toEqual([]);
      expect(await idsOf("usr_0")).toEqual([]);
      await store().appendToThread("thr_1", [{ role: "user" }], 40);
      expect(await idsOf("usr_1", "agt_1")).toEqual(["thr_1", "thr_3"]);
      expect(await store().thread("thr_4")).toEqual(thread("thr_4", { ownerId: "usr_2" }));
      expect(await store().thread("thr_1")).toEqual(thread("thr_1", { updatedAt: 40 }));
      expect(await store().thread("thr_0")).toBeNull();
    });

    it("keep what was said to the letter and in order, each its own", async () => {
      await users();
      await store().addThread(thread("thr_1"));
      await store().addThread(thread("thr_2"));
      const hard = {
        role: "assistant",
        content: "a\0b\ud83e \u2028 ü 🦙",
        zeta: 1,
        alpha: [null, { b: 1.5 }],
      };
      const first = [{ role: "user", content: "x".repeat(1_000_000) }, hard];
      expect(await store().appendToThread("thr_1", first, 20)).toBe(true);
      expect(await store().appendToThread("thr_1", [], 21)).toBe(true);
      expect(await store().appendToThread("thr_1", [{ role: "user", content: "" }], 22)).toBe(true);
      expect(await store().appendToThread("thr_2", [{ role: "user", content: "other" }], 23)).toBe(true);
      const said = await store().threadMessages("thr_1");
      expect(said).toEqual([...first, { role: "user", content: "" }]);
      expect(Object.keys(said[1]!)).toEqual(["role", "content", "zeta", "alpha"]);
      expect(await store().threadMessages("thr_2")).toEqual([{ role: "user", content: "other" }]);
      expect(await store().threadMessages("thr_0")).toEqual([]);
    });

    it("are counted with the bytes of their messages, which a restore counts anew (T367)", async () => {
      await users();
      for (const id of ["thr_1", "thr_2"]) await store().addThread(thread(id));
      await store().addThread(thread("thr_3", { ownerId: "usr_2" }));
      const said = [{ content: "ü 🦙" }, { content: "a\0" }];
      const bytes = said.reduce((sum, message) => sum + Buffer.byteLength(JSON.stringify(message)), 0);
      for (const [id, times] of [
        ["thr_1", 2],
        ["thr_2", 1],
        ["thr_3", 1],
      ] as const)
        for (let n = 0; n < times; n++) await store().appendToThread(id, said, 20);
      const use = async () => [await store().threadUse("usr_1"), await store().threadUse("usr_0")];
      const counted = [
        { threads: 2, bytes: 3 * bytes },
        { threads: 0, bytes: 0 },
      ];
      expect(await use()).toEqual(counted);
      const table = copyTables.find(({ name }) => name === "threads")!;
      const wrong = {
        ...{ id: "thr_1", agent_id: "agt_1", owner_id: "usr_1", title: "", created_at: 1, updated_at: 2 },
        size: -1_000_000,
      };
      await store().fill(async (fill) => {
        await fill.put(table, [wrong], "replace");
        await fill.measureThreads();
      }, true);
      expect(await use()).toEqual(counted);
      await store().deleteThread("thr_1");
      expect(await store().threadUse("usr_1")).toEqual({ threads: 1, bytes });
    });

    it("are deleted for one user in the transaction of other writes", async () => {
      await users();
      for (const [id, ownerId] of [
        ["thr_1", "usr_1"],
        ["thr_2", "usr_1"],
        ["thr_3", "usr_2"],
      ] as const)
        await store().addThread(thread(id, { ownerId }));
      await store().appendToThread("thr_1", [{ role: "user" }], 20);
      const ofNobody = { op: "delete", id: "usr_0", version: 1 } as const;
      await expect(store().commit([{ op: "deleteThreadsOf", userId: "usr_1" }, ofNobody])).rejects.toThrow();
      expect(await idsOf("usr_1")).toHaveLength(2);
      await store().commit([{ op: "deleteThreadsOf", userId: "usr_1" }]);
      expect([await idsOf("usr_1"), await idsOf("usr_2")]).toEqual([[], ["thr_3"]]);
      expect(await store().threadMessages("thr_1")).toEqual([]);
      expect(await store().appendToThread("thr_1", [{ role: "user" }], 30)).toBe(false);
    });

    it("take what many say at once, none of it torn apart", async () => {
      await users();
      await store().addThread(thread("thr_1"));
      await Promise.all(
        Array.from({ length: 20 }, (_, turn) =>
          store().appendToThread(
            "thr_1",
            [
              { turn, role: "user" },
              { turn, role: "assistant" },
            ],
            20,
          ),
        ),
      );
      const said = await store().threadMessages("thr_1");
      expect(said).toHaveLength(40);
      for (let i = 0; i < 40; i += 2) {
        expect(said[i]).toEqual({ turn: said[i + 1]?.["turn"], role: "user" });
        expect(said[i + 1]?.["role"]).toBe("assistant");
      }
    });

    it("are never refused for their first words, and not made for who is not there", async () => {
      await users();
      await store().addThread(thread("thr_1", { title: "a\0b\ud83e" }));
      expect((await store().thread("thr_1"))?.title).toBe("a\ufffdb\ufffd");
      await expect(store().addThread(thread("thr_1"))).rejects.toMatchObject({ refusal: "taken" });
      for (const nobody of [{ agentId: "agt_0" }, { ownerId: "usr_0" }])
        await expect(store().addThread(thread("thr_2", nobody))).rejects.toMatchObject({
          refusal: "dangling",
        });
      expect(await idsOf("usr_1")).toEqual(["thr_1"]);
    });

    it("go with all that was said: deleted, or with their user or persona", async () => {
      await users();
      for (const one of [
        thread("thr_1"),
        thread("thr_2", { agentId: "agt_2" }),
        thread("thr_3", { ownerId: "usr_2" }),
        thread("thr_4"),
      ]) {
        await store().addThread(one);
        await store().appendToThread(one.id, [{ role: "user" }], 20);
      }
      await store().deleteThread("thr_1");
      await store().deleteThread("thr_1");
      await store().commit([
        { op: "delete", id: "agt_2", version: 1 },
        { op: "delete", id: "usr_2", version: 1 },
      ]);
      expect(await idsOf("usr_1")).toEqual(["thr_4"]);
      for (const gone of ["thr_1", "thr_2", "thr_3"]) {
        expect(await store().thread(gone)).toBeNull();
        expect(await store().threadMessages(gone)).toEqual([]);
        expect(await store().appendToThread(gone, [{ role: "user" }], 30)).toBe(false);
        expect(await store().threadMessages(gone)).toEqual([]);
      }
      expect(await store().threadMessages("thr_4")).toHaveLength(1);
    });
  });

  it("refuses sessions and threads once it is closed", async () => {
    await store().close();
    const refused = { name: "StoreError", refusal: "unavailable" };
    await expect(store().providerSessions()).rejects.toMatchObject(refused);
    await expect(store().touchProviderSessions(new Map())).rejects.toMatchObject(refused);
    await expect(store().threads("usr_1")).rejects.toMatchObject(refused);
    await expect(store().appendToThread("thr_1", [], 1)).rejects.toMatchObject(refused);
  });
}
