import { describe, expect, it } from "vitest";
import type { Store } from "../../src/server/core/store/types.ts";
import { insert, refusalOf, remove } from "./store-fixtures.ts";

/** The part of the contract about the names of deleted rows. */
export function namesContract(opened: () => Store): void {
  describe("the name of a deleted row", () => {
    const user = (id: string, name: string, owner: string | null = null) =>
      insert(id, { kind: "user", name, owner });

    it("is kept with its owner and its times, and is found by id and by name", async () => {
      const store = opened();
      await store.commit([user("usr_1", "alice", "usr_0"), user("usr_2", "bob")]);
      expect(await store.formerNames(["usr_1", "usr_2"])).toEqual([]);
      await store.commit([remove("usr_1")]);
      const alice = {
        id: "usr_1",
        kind: "user",
        name: "alice",
        owner: "usr_0",
        createdAt: 1_700_000_000_000,
        deletedAt: expect.any(Number),
      };
      expect(await store.formerNames(["usr_1", "usr_2", "usr_3"])).toEqual([alice]);
      expect(await store.formerlyNamed("user", ["alice", "bob"], 10)).toEqual([alice]);
      expect(await store.formerlyNamed("token", ["alice"], 10)).toEqual([]);
      expect(await store.formerNames([])).toEqual([]);
    });

    it("is not kept of a deletion that is refused, nor of a kind that no record has", async () => {
      const store = opened();
      await store.commit([user("usr_1", "alice"), insert("pri_1", { kind: "prompt", name: "p" })]);
      expect(await refusalOf(store, [remove("usr_1"), remove("usr_9")])).toBe("stale");
      await store.commit([remove("pri_1")]);
      expect(await store.formerNames(["usr_1", "pri_1"])).toEqual([]);
    });

    it("of several rows comes with the last deleted first, and the old ones can be deleted in steps", async () => {
      const store = opened();
      const ids = ["usr_1", "usr_2", "usr_3"];
      for (const id of ids) {
        await store.commit([user(id, "alice")]);
        await store.commit([remove(id)]);
      }
      const found = async () => (await store.formerlyNamed("user", ["alice"], 2)).map(({ id }) => id);
      const [newest] = await store.formerlyNamed("user", ["alice"], 1);
      expect(await found()).toEqual(["usr_3", "usr_2"]);
      expect(await store.trimFormerNames(0, 10)).toBe(0);
      expect(await store.trimFormerNames(newest!.deletedAt + 1, 2)).toBe(2);
      expect(await store.formerNames(ids)).toHaveLength(1);
      expect(await store.trimFormerNames(newest!.deletedAt + 1, 2)).toBe(1);
    });
  });
}
