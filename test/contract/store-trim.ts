import { describe, expect, it } from "vitest";
import type { Store } from "../../src/server/core/store/types.ts";
import { event } from "./store-fixtures.ts";

/** The part of the contract about records that are deleted after a time. */
export function trimContract(opened: () => Store): void {
  describe("old records", () => {
    const times = async (store: Store) => (await store.queryAudit({ limit: 1000 })).map(({ at }) => at);

    it("of the audit log are deleted step by step, and no newer ones (failure mode 101)", async () => {
      const store = opened();
      await store.appendAudit([1, 2, 3, 4, 5, 6].map((at) => event(at)));
      // The usage is summed up first: on SQLite it is made from the log.
      await store.usage({ since: "1970-01-01", until: "1970-01-01" });
      const first = await store.trimAudit(5, 0, 3);
      expect([first.isEnd, await times(store)]).toEqual([false, [6, 5, 4]]);
      expect(await store.trimAudit(5, first.last, 3)).toMatchObject({ isEnd: false });
      expect(await times(store)).toEqual([6, 5]);
      expect(await store.trimAudit(5, 0, 3)).toMatchObject({ isEnd: true });
      expect(await times(store)).toEqual([6, 5]);
    });

    it("of the audit log are deleted behind events of a clock that was ahead", async () => {
      const store = opened();
      await store.appendAudit([100, 1, 2, 101].map((at) => event(at)));
      await store.usage({ since: "1970-01-01", until: "1970-01-01" });
      await store.trimAudit(50, 0, 10);
      expect(await times(store)).toEqual([101, 100]);
    });

    it("of the audit log never include the newest, so that numbers of rows are not used twice", async () => {
      const store = opened();
      await store.appendAudit([event(1), event(2)]);
      await store.usage({ since: "1970-01-01", until: "1970-01-01" });
      const { last } = await store.auditTail(undefined, { limit: 10 });
      await store.trimAudit(1000, 0, 10);
      expect(await times(store)).toEqual([2]);
      await store.appendAudit([event(3)]);
      const { events } = await store.auditTail(last, { limit: 10 });
      expect(events.map((one) => one.event.at)).toEqual([3]);
    });

    it("of the usage are deleted by day", async () => {
      const store = opened();
      const day = 24 * 60 * 60 * 1000;
      const call = (at: number) => event(at, { action: "llm_inference_call", userId: "usr_1", llm: "gpt" });
      await store.appendAudit([call(0), call(day), call(2 * day)]);
      const days = async () =>
        (await store.usage({ since: "1970-01-01", until: "1970-12-31" })).map((row) => row.day);
      expect(await days()).toEqual(["1970-01-01", "1970-01-02", "1970-01-03"]);
      expect(await store.trimUsage("1970-01-03", 1)).toBe(1);
      expect(await store.trimUsage("1970-01-03", 5)).toBe(1);
      expect(await store.trimUsage("1970-01-03", 5)).toBe(0);
      expect(await days()).toEqual(["1970-01-03"]);
      expect(await store.size()).toBeGreaterThan(10_000);
    });
  });
}
