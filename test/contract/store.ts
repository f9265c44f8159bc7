import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "../../src/errors.ts";
import { type Store, StoreError, type Write } from "../../src/server/core/store/types.ts";
import { changesContract } from "./store-changes.ts";
import { conditionsContract } from "./store-conditions.ts";
import { credentialsContract } from "./store-credentials.ts";
import { dependentsContract } from "./store-dependents.ts";
import { backend, event, insert, refusalOf, remove, row, session, update } from "./store-fixtures.ts";
import { linksContract } from "./store-links.ts";
import { namesContract } from "./store-names.ts";
import { recordsContract } from "./store-records.ts";
import { standingContract } from "./store-standing.ts";
import { tasksContract } from "./store-tasks.ts";
import { trimContract } from "./store-trim.ts";

/** Opens one and the same database each time. Whoever opens it closes it. */
export type Open = () => Promise<Store>;

/** Contract of every dialect of the store. `fresh` makes an empty database. */
export function storeContract(name: string, fresh: () => Promise<Open>): void {
  describe(name, () => {
    let open: Open;
    let store: Store;

    beforeEach(async () => {
      open = await fresh();
      store = await open();
    });
    afterEach(() => store.close());

    const refusal = (...writes: Write[]) => refusalOf(store, writes);
    const ids = async () => (await store.load()).rows.map(({ id }) => id).sort();

    it("is empty at first", async () => {
      expect(await store.load()).toEqual({
        revision: 0,
        rows: [],
        refs: [],
        bearers: [],
        sessions: [],
        withPassword: [],
        lastUsed: [],
      });
      expect(await store.changesSince(0, 10)).toEqual([]);
      await store.ping();
    });

    it("gives back a row as it was stored, whatever is in it", async () => {
      const whole = row("llm_1", {
        scope: "prj_1",
        name: "größe-模型-🦙",
        owner: "usr_1",
        visibility: "private",
        spec: {
          text: "\u0001\t\n\\ \" ' \u2028 \\u0000 🦙",
          nested: { list: [1, -0.5, 1e21, true, null, { deep: [[]] }], empty: {}, "": "empty key" },
          big: "x".repeat(1_000_000),
          numbers: [Number.MAX_SAFE_INTEGER, 0.1],
        },
        status: { since: 1_700_000_000_123 },
        createdAt: 1_700_000_000_001,
        updatedAt: Number.MAX_SAFE_INTEGER,
      });
      await store.commit([{ op: "insert", row: whole, refs: [] }]);
      expect((await store.load()).rows).toEqual([whole]);
    });

    it.each([
      ["a name", row("a", { name: "a\0b" })],
      ["a value deep in the spec", row("a", { spec: { list: [{ text: "\0" }] } })],
      ["a key of the spec", row("a", { spec: { "\0": 1 } })],
      ["half a surrogate pair", row("a", { spec: { text: "\ud83e" } })],
    ])("refuses what Postgres cannot store: %s", async (_what, bad) => {
      const attempt = store.commit([insert("good"), { op: "insert", row: bad, refs: [] }]);
      const error = await attempt.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(AppError);
      expect(error).toMatchObject({ code: "invalid_request" });
      expect(await ids()).toEqual([]);
    });

    it("sees everything after opening it again", async () => {
      await store.commit([
        insert("user", { kind: "user" }),
        insert("token", { kind: "token" }, ["user"]),
        { op: "setBearer", tokenId: "token", hash: "bearer" },
        { op: "setPassword", userId: "user", hash: "argon2id" },
        { op: "insertSession", session: session("s", "user") },
        { op: "putSecretData", ref: "r", backendId: "sbe_1", data: { KEY: "value" }, at: 1 },
        { op: "audit", event: event(1) },
      ]);
      await store.touchTokens(new Map([["token", 5]]));
      const before = [
        await store.load(),
        await store.changesSince(0, 100),
        await store.queryAudit({ limit: 9 }),
      ];
      await store.close();
      store = await open();
      const again = [
        await store.load(),
        await store.changesSince(0, 100),
        await store.queryAudit({ limit: 9 }),
      ];
      expect(again).toEqual(before);
      expect(await store.secretData("r")).toEqual({ KEY: "value" });
      expect(await store.commit([remove("token")])).toBe(6);
    });

    describe("commit", () => {
      it("counts revisions without gaps, also past refused commits", async () => {
        expect(await store.commit([insert("a"), insert("b")])).toBe(2);
        expect(await refusal(insert("c"), insert("a"))).toBe("taken");
        expect(await store.commit([update("a", 2), remove("b")])).toBe(4);
        expect(await store.changesSince(0, 10)).toEqual([
          { revision: 1, kind: "llm", id: "a", operation: "insert" },
          { revision: 2, kind: "llm", id: "b", operation: "insert" },
          { revision: 3, kind: "llm", id: "a", operation: "update" },
          { revision: 4, kind: "llm", id: "b", operation: "delete" },
        ]);
      });

      it("keeps nothing of a refused one", async () => {
        await store.commit([insert("user", { kind: "user" }), insert("old", { spec: { kept: true } })]);
        const before = await store.load();
        const refused = await refusal(
          insert("new"),
          update("old", 2, { spec: { kept: false } }),
          { op: "setPassword", userId: "user", hash: "hash" },
          { op: "insertSession", session: session("s", "user") },
          { op: "putSecretData", ref: "r", backendId: "sbe_1", data: { KEY: "value" }, at: 1 },
          { op: "audit", event: event(1) },
          remove("user", 7),
        );
        expect(refused).toBe("stale");
        expect(await store.load()).toEqual(before);
        expect(await store.changesSince(before.revision, 10)).toEqual([]);
        expect(await store.secretData("r")).toBeNull();
        expect(await store.queryAudit({ limit: 10 })).toEqual([]);
      });

      it("takes a name once within its kind and scope", async () => {
        await store.commit([insert("a", { name: "claude" })]);
        expect(await refusal(insert("b", { name: "claude" }))).toBe("taken");
        expect(await refusal(insert("b", { name: "claude", kind: "project" }))).toBe("none");
        expect(await refusal(insert("c", { name: "claude", scope: "b" }))).toBe("none");
        expect(await refusal(insert("d"))).toBe("none");
        expect(await refusal(update("d", 2, { name: "claude" }))).toBe("taken");
      });

      it("allows one default secret backend, whatever the order of a change", async () => {
        await store.commit([insert("one", backend(true)), insert("two", backend(false))]);
        expect(await refusal(insert("three", backend(true)))).toBe("taken");
        expect(await refusal(update("two", 2, backend(true)))).toBe("taken");
        expect(await refusal(insert("llm", { spec: { isDefault: true } }))).toBe("none");
        expect(await refusal(update("one", 2, backend(false)), update("two", 2, backend(true)))).toBe("none");
        const { rows } = await store.load();
        const defaults = rows.filter(({ kind, spec }) => kind === "secretbackend" && spec.isDefault === true);
        expect(defaults.map(({ id }) => id)).toEqual(["two"]);
      });

      it("refuses an update or a delete of another version, or of nothing", async () => {
        await store.commit([insert("a")]);
        expect(await refusal(update("a", 1))).toBe("stale");
        expect(await refusal(update("a", 3))).toBe("stale");
        expect(await refusal(remove("a", 2))).toBe("stale");
        expect(await refusal(update("none", 2))).toBe("stale");
        expect(await refusal(remove("none"))).toBe("stale");
        expect((await store.load()).rows).toEqual([row("a")]);
      });

      it("changes what an update says and leaves what is fixed", async () => {
        await store.commit([insert("a", { spec: { url: "old" }, visibility: "public" })]);
        const changed = { spec: { url: "new" }, status: { ok: true }, visibility: null, updatedAt: 5 };
        await store.commit([update("a", 2, { ...changed, createdAt: 6 })]);
        expect((await store.load()).rows).toEqual([row("a", { ...changed, version: 2 })]);
      });

      it("lets one of 50 concurrent updates of a version through", async () => {
        await store.commit([insert("a")]);
        const attempts = Array.from({ length: 50 }, (_, index) =>
          refusal(update("a", 2, { spec: { index } })),
        );
        const answers = await Promise.all(attempts);
        expect(answers.filter((answer) => answer === "none")).toHaveLength(1);
        expect(answers.filter((answer) => answer === "stale")).toHaveLength(49);
        const { revision, rows } = await store.load();
        expect(revision).toBe(2);
        expect(rows[0]?.spec).toEqual({ index: answers.indexOf("none") });
      });

      it("lets one of two concurrent first users through (T79)", async () => {
        const attempts = ["one", "two"].map((id) => refusal(insert(id, { kind: "user", name: "admin" })));
        expect((await Promise.all(attempts)).sort()).toEqual(["none", "taken"]);
      });

      it("answers with the revision of the last change, also when it made none", async () => {
        await store.commit([insert("a")]);
        expect(await store.commit([])).toBe(1);
        expect(await store.commit([{ op: "audit", event: event(1) }])).toBe(1);
        expect(
          await store.commit([{ op: "putSecretData", ref: "r", backendId: "sbe_1", data: {}, at: 1 }]),
        ).toBe(1);
        expect(await store.changesSince(0, 10)).toHaveLength(1);
      });

      it("tells in no refusal what was written", async () => {
        const marked = { spec: { apiKey: "sk-marked" } };
        await store.commit([insert("a", marked)]);
        const error: unknown = await store.commit([insert("a", marked)]).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(StoreError);
        expect(Bun.inspect(error)).not.toContain("sk-marked");
      });
    });

    changesContract(() => store);
    conditionsContract(() => store);
    standingContract(() => store);
    credentialsContract(() => store);
    recordsContract(() => store);
    linksContract(() => store);
    tasksContract(() => store);
    dependentsContract(() => store);
    trimContract(() => store);
    namesContract(() => store);
  });
}
