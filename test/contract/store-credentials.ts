import { beforeEach, describe, expect, it } from "vitest";
import type { Store, Write } from "../../src/server/core/store/types.ts";
import { insert, refusalOf, remove, session } from "./store-fixtures.ts";

/** Passwords, bearers and login sessions. */
export function credentialsContract(open: () => Store): void {
  const refusal = (...writes: Write[]) => refusalOf(store, writes);
  let store: Store;
  beforeEach(() => {
    store = open();
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

    it("end with the user or token that acts as their user", async () => {
      const acting = { ...session("i", "bob"), impersonatorId: "alice", impersonatorSessionId: "a1" };
      await store.commit([{ op: "insertSession", session: acting }]);
      expect((await store.load()).sessions).toContainEqual(acting);
      await store.commit([{ op: "delete", id: "alice", version: 1 }]);
      expect(await sessions()).toEqual(["b1"]);
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
}
