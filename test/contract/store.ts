import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "../../src/errors.ts";
import {
  type AuditEvent,
  type Refusal,
  type Row,
  type Session,
  type Store,
  StoreError,
  type Write,
} from "../../src/server/core/store/types.ts";
import { linksContract } from "./store-links.ts";
import { recordsContract } from "./store-records.ts";

/** Opens one and the same database each time. Whoever opens it closes it. */
export type Open = () => Promise<Store>;

/** A row of kind llm, named after its id, unless told otherwise. */
export function row(id: string, fields: Partial<Row> = {}): Row {
  return {
    id,
    kind: "llm",
    scope: "",
    name: id,
    owner: null,
    visibility: null,
    spec: {},
    status: {},
    version: 1,
    createdAt: 1_700_000_000_000,
    updatedAt: 1_700_000_000_000,
    ...fields,
  };
}

/** An event that succeeded, by nobody. */
export function event(at: number, fields: Partial<AuditEvent> = {}): AuditEvent {
  return {
    at,
    action: "create",
    requestId: `request-${at}`,
    userId: null,
    tokenId: null,
    status: 200,
    ...fields,
  };
}

export const insert = (id: string, fields: Partial<Row> = {}, to: string[] = []): Write => ({
  op: "insert",
  row: row(id, fields),
  refs: to.map((toId) => ({ path: `/${toId}`, toId, onDelete: "restrict" })),
});

const update = (id: string, version: number, fields: Partial<Row> = {}, to: string[] = []): Write => ({
  ...(insert(id, { version, ...fields }, to) as Extract<Write, { op: "insert" }>),
  op: "update",
});

const remove = (id: string, version = 1): Write => ({ op: "delete", id, version });

const session = (id: string, userId: string, expiresAt = 2_000): Session => ({
  id,
  hash: `hash of ${id}`,
  userId,
  createdAt: 1_000,
  expiresAt,
});

const backend = (isDefault: boolean) => ({ kind: "secretbackend", spec: { type: "plaintext", isDefault } });

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

    const refusal = async (...writes: Write[]): Promise<Refusal | "none"> => {
      try {
        await store.commit(writes);
        return "none";
      } catch (error) {
        if (error instanceof StoreError) return error.refusal;
        throw error;
      }
    };
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

    describe("references", () => {
      it("refuses one that points nowhere", async () => {
        await store.commit([insert("a")]);
        expect(await refusal(insert("b", {}, ["none"]))).toBe("dangling");
        expect(await refusal(update("a", 2, {}, ["none"]))).toBe("dangling");
        expect(await refusal(insert("b", {}, ["c"]), insert("c"))).toBe("dangling");
        expect(await refusal(insert("c"), insert("b", {}, ["c"]))).toBe("none");
      });

      it("keeps what is pointed at, until nobody does", async () => {
        await store.commit([insert("secret"), insert("llm", {}, ["secret"])]);
        expect(await refusal(remove("secret"))).toBe("referenced");
        expect(await refusal(update("llm", 2), remove("secret"))).toBe("none");
        expect((await store.load()).refs).toEqual([]);
      });

      it("replaces those of an updated row and drops those of a deleted one", async () => {
        await store.commit([insert("x"), insert("y"), insert("llm", {}, ["x"]), insert("other", {}, ["x"])]);
        await store.commit([update("llm", 2, {}, ["y"])]);
        expect((await store.load()).refs).toContainEqual({
          fromId: "llm",
          path: "/y",
          toId: "y",
          onDelete: "restrict",
        });
        await store.commit([remove("llm", 2), remove("y")]);
        expect((await store.load()).refs.map(({ fromId }) => fromId)).toEqual(["other"]);
      });

      it("lets a row point at itself", async () => {
        await store.commit([insert("a", {}, ["a"])]);
        expect(await refusal(remove("a"))).toBe("none");
        expect(await store.load()).toMatchObject({ rows: [], refs: [] });
      });
    });

    describe("changes", () => {
      it("come in order, from a revision on, as many as asked for", async () => {
        await store.commit([insert("a"), insert("b"), insert("c")]);
        const revisions = async (since: number, limit: number) =>
          (await store.changesSince(since, limit))?.map(({ revision }) => revision);
        expect(await revisions(0, 2)).toEqual([1, 2]);
        expect(await revisions(1, 10)).toEqual([2, 3]);
        expect(await revisions(3, 10)).toEqual([]);
      });

      it("are null once older ones are pruned, or when the revision lies ahead", async () => {
        await store.commit([insert("a"), insert("b"), insert("c"), insert("d")]);
        await store.prune(0, 2);
        expect(await store.changesSince(0, 10)).toBeNull();
        expect(await store.changesSince(1, 10)).toBeNull();
        expect((await store.changesSince(2, 10))?.map(({ revision }) => revision)).toEqual([3, 4]);
        expect(await store.changesSince(4, 10)).toEqual([]);
        expect(await store.changesSince(5, 10)).toBeNull();
      });

      it("go on counting after all of them are pruned", async () => {
        await store.commit([insert("a"), insert("b")]);
        await store.prune(0, 0);
        expect((await store.load()).revision).toBe(2);
        expect(await store.changesSince(2, 10)).toEqual([]);
        expect(await store.commit([insert("c")])).toBe(3);
      });

      it("become visible in their order to somebody who reads all the time", async () => {
        const seen: number[] = [];
        let writing = true;
        const reader = (async () => {
          while (writing) {
            const news = await store.changesSince(seen.at(-1) ?? 0, 1000);
            seen.push(...(news ?? []).map(({ revision }) => revision));
            await new Promise((resolve) => setImmediate(resolve));
          }
        })();
        await Promise.all(Array.from({ length: 40 }, (_, index) => store.commit([insert(`row-${index}`)])));
        writing = false;
        await reader;
        const rest = await store.changesSince(seen.at(-1) ?? 0, 1000);
        seen.push(...(rest ?? []).map(({ revision }) => revision));
        expect(seen).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
      });

      it("name all that has to be loaded again, and no more is", async () => {
        await store.commit([
          insert("user", { kind: "user" }),
          insert("token", { kind: "token" }),
          insert("a"),
        ]);
        const since = await store.commit([{ op: "insertSession", session: session("other", "user") }]);
        await store.commit([
          insert("b", {}, ["a"]),
          { op: "setPassword", userId: "user", hash: "argon2id" },
          { op: "setBearer", tokenId: "token", hash: "bearer" },
          { op: "insertSession", session: session("s", "user") },
          remove("b"),
          insert("c", {}, ["a"]),
        ]);
        await store.touchTokens(new Map([["token", 5]]));
        expect(await store.loadSome((await store.changesSince(since, 100)) ?? [])).toEqual({
          rows: [row("c")],
          refs: [{ fromId: "c", path: "/a", toId: "a", onDelete: "restrict" }],
          bearers: [{ hash: "bearer", tokenId: "token" }],
          sessions: [session("s", "user")],
          withPassword: ["user"],
          lastUsed: [{ tokenId: "token", at: 5 }],
        });
        expect(await store.loadSome([])).toEqual({
          rows: [],
          refs: [],
          bearers: [],
          sessions: [],
          withPassword: [],
          lastUsed: [],
        });
      });
    });

    describe("credentials", () => {
      beforeEach(async () => {
        await store.commit([insert("user", { kind: "user" }), insert("token", { kind: "token" })]);
      });

      it("are set, replaced and taken away, and each time there is a change", async () => {
        await store.commit([{ op: "setPassword", userId: "user", hash: "first" }]);
        await store.commit([{ op: "setPassword", userId: "user", hash: "second" }]);
        expect(await store.passwordHash("user")).toBe("second");
        expect((await store.load()).withPassword).toEqual(["user"]);
        await store.commit([{ op: "setPassword", userId: "user", hash: null }]);
        expect(await store.passwordHash("user")).toBeNull();
        expect((await store.load()).withPassword).toEqual([]);
        const credential = { kind: "credential", id: "user" };
        expect(await store.changesSince(2, 10)).toMatchObject([
          { ...credential, operation: "update" },
          { ...credential, operation: "update" },
          { ...credential, operation: "delete" },
        ]);
      });

      it("need somebody to belong to", async () => {
        expect(await refusal({ op: "setPassword", userId: "none", hash: "h" })).toBe("dangling");
        expect(await refusal({ op: "setBearer", tokenId: "none", hash: "h" })).toBe("dangling");
        expect(await refusal({ op: "insertSession", session: session("s", "none") })).toBe("dangling");
      });

      it("go with the row they belong to", async () => {
        await store.commit([
          { op: "setBearer", tokenId: "token", hash: "bearer" },
          { op: "setPassword", userId: "user", hash: "argon2id" },
          { op: "insertSession", session: session("s", "user") },
        ]);
        await store.commit([remove("token"), remove("user")]);
        expect(await store.load()).toMatchObject({ rows: [], bearers: [], sessions: [], withPassword: [] });
        expect(await store.passwordHash("user")).toBeNull();
      });

      it("never share a bearer, while two users may have the same hash of a password", async () => {
        await store.commit([insert("other", { kind: "token" }), insert("user2", { kind: "user" })]);
        await store.commit([{ op: "setBearer", tokenId: "token", hash: "same" }]);
        expect(await refusal({ op: "setBearer", tokenId: "other", hash: "same" })).toBe("taken");
        await store.commit([
          { op: "setPassword", userId: "user", hash: "same" },
          { op: "setPassword", userId: "user2", hash: "same" },
        ]);
      });

      it("show no password's hash to whoever loads everything", async () => {
        await store.commit([{ op: "setPassword", userId: "user", hash: "argon2id$marked" }]);
        expect(JSON.stringify(await store.load())).not.toContain("marked");
        expect(JSON.stringify(await store.changesSince(0, 10))).not.toContain("marked");
      });

      it("remember when a token was last used, and never go back", async () => {
        await store.commit([
          { op: "setBearer", tokenId: "token", hash: "bearer" },
          { op: "setPassword", userId: "user", hash: "argon2id" },
        ]);
        const { revision } = await store.load();
        await store.touchTokens(
          new Map([
            ["token", 1_700_000_000_500],
            ["user", 1],
            ["none", 1],
          ]),
        );
        await store.touchTokens(new Map([["token", 1_700_000_000_400]]));
        await store.touchTokens(new Map());
        expect(await store.load()).toMatchObject({
          revision,
          lastUsed: [{ tokenId: "token", at: 1_700_000_000_500 }],
        });
      });
    });

    describe("sessions", () => {
      beforeEach(async () => {
        await store.commit([
          insert("alice", { kind: "user" }),
          insert("bob", { kind: "user" }),
          { op: "insertSession", session: session("a1", "alice") },
          { op: "insertSession", session: session("a2", "alice", 3_000) },
          { op: "insertSession", session: session("b1", "bob") },
        ]);
      });
      const sessions = async () => (await store.load()).sessions.map(({ id }) => id).sort();

      it("are loaded as they were stored", async () => {
        expect((await store.load()).sessions).toContainEqual(session("a2", "alice", 3_000));
        expect(
          await refusal({ op: "insertSession", session: { ...session("x", "bob"), hash: "hash of a1" } }),
        ).toBe("taken");
      });

      it("end one at a time, and once", async () => {
        await store.commit([{ op: "deleteSession", id: "a1" }]);
        expect(await store.commit([{ op: "deleteSession", id: "a1" }])).toBe(6);
        expect(await sessions()).toEqual(["a2", "b1"]);
        expect(await store.changesSince(5, 10)).toEqual([
          { revision: 6, kind: "session", id: "a1", operation: "delete" },
        ]);
      });

      it("end for a user, but for one", async () => {
        await store.commit([{ op: "deleteSessionsOf", userId: "alice", exceptId: "a2" }]);
        expect(await sessions()).toEqual(["a2", "b1"]);
        await store.commit([{ op: "deleteSessionsOf", userId: "alice" }]);
        expect(await sessions()).toEqual(["b1"]);
        expect((await store.changesSince(5, 10))?.map(({ id }) => id)).toEqual(["a1", "a2"]);
      });

      it("are pruned when they have expired, and the feed says so", async () => {
        await store.prune(2_000, 100);
        expect(await sessions()).toEqual(["a2"]);
        const news = await store.changesSince(5, 10);
        expect(news?.map(({ kind, id, operation }) => `${operation} ${kind} ${id}`).sort()).toEqual([
          "delete session a1",
          "delete session b1",
        ]);
      });
    });

    recordsContract(() => store);
    linksContract(() => store);
  });
}
