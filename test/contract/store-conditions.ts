import { beforeEach, describe, expect, it } from "vitest";
import type { Store, Write } from "../../src/server/core/store/types.ts";
import { insert, refusalOf, remove, update } from "./store-fixtures.ts";

/** Conditions of a transaction, which hold in the database at the moment of the commit. */
export function conditionsContract(open: () => Store): void {
  const refusal = (...writes: Write[]) => refusalOf(store, writes);
  let store: Store;
  beforeEach(() => {
    store = open();
  });

  describe("conditions", () => {
    it("of a password hold for the hash that the user has, and for none", async () => {
      await store.commit([insert("user", { kind: "user" })]);
      const isNone: Write = { op: "ifPassword", userId: "user", hash: null };
      const isFirst: Write = { op: "ifPassword", userId: "user", hash: "first" };
      expect(await refusal(isFirst)).toBe("stale");
      await store.commit([isNone, { op: "setPassword", userId: "user", hash: "first" }]);
      await store.commit([isFirst]);
      expect(await refusal(isNone)).toBe("stale");
      // Nothing of a refused transaction is written, also what comes before the condition.
      expect(await refusal(insert("other"), { ...isFirst, hash: "second" })).toBe("stale");
      expect((await store.load()).rows.map(({ id }) => id)).toEqual(["user"]);
    });

    it("of a kind hold until a row of it is added, changed or deleted", async () => {
      const isSame = (since: number): Write => ({ op: "ifUnchanged", kind: "grant", since });
      let since = await store.commit([insert("llm")]);
      for (const write of [
        insert("grant", { kind: "grant" }),
        update("grant", 2, { kind: "grant" }),
        remove("grant", 2),
      ]) {
        await store.commit([isSame(since), insert(`llm-${since}`)]);
        const next = await store.commit([write]);
        expect(await refusal(isSame(since))).toBe("stale");
        since = next;
      }
      await store.commit([isSame(since)]);
    });

    it("of names hold until an llm comes that has one, by itself, by its pool or by aliases", async () => {
      const areFree = (since: number, ...names: string[]): Write => ({ op: "ifNamesFree", names, since });
      const since = await store.commit([insert("old", { spec: { poolName: "qwen" } })]);
      await store.commit([areFree(since, "old", "qwen")]);
      await store.commit([insert("taken"), insert("in-pool", { spec: { poolName: "pool", aliases: [] } })]);
      await store.commit([areFree(since, "free", "old", "qwen")]);
      expect(await refusal(areFree(since, "free", "taken"))).toBe("stale");
      expect(await refusal(areFree(since, "pool"))).toBe("stale");
      expect(await refusal({ op: "ifNamesFree", names: undefined, since })).toBe("stale");
      await store.commit([insert("known", { spec: { aliases: ["gpt-*"] } })]);
      expect(await refusal(areFree(since, "free"))).toBe("stale");
    });
  });
}
