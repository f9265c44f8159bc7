import { beforeEach, describe, expect, it } from "vitest";
import type { Store, Write } from "../../src/server/core/store/types.ts";
import { insert, refusalOf, remove, row, session, update } from "./store-fixtures.ts";

/** References between rows, and the feed of changes. */
export function changesContract(open: () => Store): void {
  const refusal = (...writes: Write[]) => refusalOf(store, writes);
  let store: Store;
  beforeEach(() => {
    store = open();
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
      await store.commit([insert("user", { kind: "user" }), insert("token", { kind: "token" }), insert("a")]);
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
}
