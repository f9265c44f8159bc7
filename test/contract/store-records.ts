import { describe, expect, it } from "vitest";
import type { AuditEvent, AuditTail, Orphan, Store } from "../../src/server/core/store/types.ts";
import { event, insert } from "./store-fixtures.ts";

/** The part of the store's contract that is about records which are no resources: secrets, usage, the audit. */
export function recordsContract(store: () => Store): void {
  describe("secret data", () => {
    it("is put, replaced, read and deleted", async () => {
      const data = { KEY: "sk-\u2028🦙", "other key": "" };
      await store().commit([{ op: "putSecretData", ref: "r", backendId: "sbe_1", data, at: 1 }]);
      expect(await store().secretData("r")).toEqual(data);
      await store().commit([
        { op: "putSecretData", ref: "r", backendId: "sbe_1", data: { NEW: "x" }, at: 2 },
      ]);
      expect(await store().secretData("r")).toEqual({ NEW: "x" });
      await store().commit([{ op: "deleteSecretData", ref: "r" }]);
      await store().commit([{ op: "deleteSecretData", ref: "r" }]);
      expect(await store().secretData("r")).toBeNull();
    });

    it("is listed by backend", async () => {
      await store().commit([
        { op: "putSecretData", ref: "a", backendId: "sbe_1", data: {}, at: 10 },
        { op: "putSecretData", ref: "b", backendId: "sbe_1", data: {}, at: 20 },
        { op: "putSecretData", ref: "c", backendId: "sbe_2", data: {}, at: 20 },
      ]);
      expect((await store().secretRefs("sbe_1")).sort()).toEqual(["a", "b"]);
      expect(await store().secretRefs("sbe_2")).toEqual(["c"]);
      expect(await store().secretRefs("sbe_3")).toEqual([]);
    });

    it("is changed where it is, and not brought back where it is not", async () => {
      await store().commit([{ op: "putSecretData", ref: "r", backendId: "sbe_1", data: { a: "1" }, at: 1 }]);
      await store().commit([
        { op: "replaceSecretData", ref: "r", data: { b: "2" } },
        { op: "replaceSecretData", ref: "gone", data: { b: "2" } },
      ]);
      expect(await store().secretData("r")).toEqual({ b: "2" });
      expect(await store().secretRefs("sbe_1")).toEqual(["r"]);
      expect(await store().secretData("gone")).toBeNull();
    });
  });

  describe("orphans", () => {
    const orphan = (ref: string, more: Partial<Orphan> = {}): Orphan => ({
      ref,
      backendId: "sbe_1",
      doomed: false,
      at: 1,
      ...more,
    });

    it("are listed, the oldest first", async () => {
      await store().commit([
        { op: "addOrphan", orphan: orphan("young", { at: 2 }) },
        { op: "addOrphan", orphan: orphan("old", { doomed: true }) },
      ]);
      expect(await store().orphans()).toEqual([orphan("old", { doomed: true }), orphan("young", { at: 2 })]);
      await store().commit([
        { op: "dropOrphan", ref: "old" },
        { op: "dropOrphan", ref: "never" },
      ]);
      expect(await store().orphans()).toEqual([orphan("young", { at: 2 })]);
    });

    it("are adopted once, and not when they are doomed", async () => {
      await store().commit([
        { op: "addOrphan", orphan: orphan("r") },
        { op: "addOrphan", orphan: orphan("doomed") },
      ]);
      await store().commit([{ op: "adoptOrphan", ref: "r" }]);
      await store().commit([{ op: "doomOrphan", ref: "doomed" }]);
      await store().commit([{ op: "doomOrphan", ref: "doomed" }]);
      expect(await store().orphans()).toEqual([orphan("doomed", { doomed: true })]);
      for (const refused of [
        { op: "adoptOrphan", ref: "r" },
        { op: "adoptOrphan", ref: "doomed" },
        { op: "doomOrphan", ref: "r" },
      ] as const)
        await expect(store().commit([refused])).rejects.toMatchObject({ refusal: "stale" });
      expect(await store().orphans()).toEqual([orphan("doomed", { doomed: true })]);
    });

    it("are no change that anybody watches", async () => {
      const before = (await store().load()).revision;
      expect(await store().commit([{ op: "addOrphan", orphan: orphan("r") }])).toBe(before);
    });
  });

  describe("usage", () => {
    const at = Date.parse("2026-11-21T23:59:59.999Z");
    const call = (more: Partial<AuditEvent>): AuditEvent => ({
      at,
      action: "llm_inference_call",
      requestId: "req_1",
      userId: "usr_1",
      tokenId: null,
      status: 200,
      llm: "claude",
      promptTokens: 10,
      completionTokens: 5,
      cachedTokens: 4,
      costMicros: 7,
      ...more,
    });
    const all = { since: "0000-00-00", until: "9999-99-99" };

    it("adds up what the events of calls say, by day, user, token and llm", async () => {
      await store().appendAudit([
        call({}),
        call({ llm: "pool", poolMember: "claude", error: "provider_error", promptTokens: 1 }),
        call({ tokenId: "tok_1" }),
        call({ at: at + 1 }),
        { at, action: "login", requestId: "req_2", userId: "usr_1", tokenId: null, status: 200 },
      ]);
      await store().appendAudit([call({ costMicros: undefined }), call({ userId: "usr_2", llm: "gpt" })]);
      const row = {
        day: "2026-11-21",
        userId: "usr_1",
        tokenId: "",
        llm: "claude",
        requests: 1,
        errors: 0,
        promptTokens: 10,
        completionTokens: 5,
        cachedTokens: 4,
        costMicros: 7,
        unpriced: 0,
        images: 0,
        seconds: 0,
        characters: 0,
        searches: 0,
      };
      const rows = (await store().usage(all)).sort((a, b) =>
        JSON.stringify(a) < JSON.stringify(b) ? -1 : 1,
      );
      expect(rows).toEqual([
        {
          ...row,
          requests: 3,
          errors: 1,
          promptTokens: 21,
          completionTokens: 15,
          cachedTokens: 12,
          costMicros: 14,
          unpriced: 1,
        },
        { ...row, tokenId: "tok_1" },
        { ...row, userId: "usr_2", llm: "gpt" },
        { ...row, day: "2026-11-22" },
      ]);
      expect(await store().usage({ since: "2026-11-22", until: "2026-11-22" })).toHaveLength(1);
      expect(await store().usage({ ...all, tokenId: "tok_1" })).toEqual([{ ...row, tokenId: "tok_1" }]);
      expect(await store().usage({ ...all, userId: "usr_2" })).toEqual([
        { ...row, userId: "usr_2", llm: "gpt" },
      ]);
      expect(await store().usage({ ...all, llm: "gpt" })).toHaveLength(1);
      expect(await store().queryAudit({ limit: 1 })).toMatchObject([{ costMicros: 7, llm: "gpt" }]);
    });

    it("counts the calls of MCP servers by user and token, but those that a limit refused", async () => {
      const one = (at: number, tokenId: string | null, more: Partial<AuditEvent> = {}): AuditEvent => ({
        ...{ at, action: "mcp_call", requestId: "req_1", userId: "usr_m", tokenId, status: 200 },
        ...more,
      });
      const refused = one(70_150, null, { status: 429 });
      const others = [one(70_150, null, { action: "login" }), one(70_200, null), one(70_099, null)];
      await store().appendAudit([
        one(70_100, null),
        one(70_150, "tok_m"),
        one(70_199, null),
        refused,
        ...others,
      ]);
      const counts = await store().countCalls(70_100, 70_200);
      const sorted = counts.sort((a, b) => String(a.tokenId).localeCompare(String(b.tokenId)));
      expect(sorted).toEqual([
        { userId: "usr_m", tokenId: null, count: 2, last: 70_199 },
        { userId: "usr_m", tokenId: "tok_m", count: 1, last: 70_150 },
      ]);
    });

    it("loses none of many batches at once", async () => {
      await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          store().appendAudit([call({ llm: `l${i % 3}` }), call({ llm: `l${(i + 1) % 3}` })]),
        ),
      );
      const rows = await store().usage(all);
      expect(rows).toHaveLength(3);
      expect(rows.reduce((sum, { requests }) => sum + requests, 0)).toBe(40);
    });
  });

  describe("audit", () => {
    const inference: AuditEvent = {
      at: 1_700_000_000_123,
      action: "llm_inference_call",
      requestId: "req_1",
      userId: "usr_1",
      tokenId: "tok_1",
      status: 200,
      llm: "claude",
      poolMember: "claude-2",
      model: "claude-sonnet",
      type: "anthropic",
      dialect: "openai-chat",
      streaming: false,
      durationMs: 1200,
      ttftMs: 0,
      promptTokens: 5,
      completionTokens: 7,
      cachedTokens: 0,
      error: "upstream said 'no'",
    };

    it("gives back events as they were, and nothing that they did not have", async () => {
      const detail = { kind: "llm", name: "größe", fields: ["url"], nested: { n: [1, null] } };
      const change = event(5, { action: "update", userId: "usr_1", detail });
      await store().appendAudit([inference, change]);
      await store().commit([{ op: "audit", event: event(4) }]);
      const events = await store().queryAudit({ limit: 10 });
      expect(events).toEqual([event(4), change, inference]);
      expect(Object.keys(events[0] ?? {}).sort()).toEqual(Object.keys(event(4)).sort());
    });

    it("never refuses an event for what is in it", async () => {
      await store().appendAudit([
        event(1, { model: "a\0b\ud83e", detail: { user: "\0" }, durationMs: 1.6, promptTokens: 1e300 }),
        event(2, { promptTokens: Number.NaN, completionTokens: -1 }),
      ]);
      expect(await store().queryAudit({ limit: 10 })).toEqual([
        event(2, { completionTokens: 0 }),
        event(1, {
          model: "a\ufffdb\ufffd",
          detail: { user: "\ufffd" },
          durationMs: 2,
          promptTokens: Number.MAX_SAFE_INTEGER,
        }),
      ]);
    });

    it("finds events by time, llm, user and action, those written last first", async () => {
      await store().appendAudit([
        event(10, { llm: "claude", userId: "bob", action: "login", requestId: "r10" }),
        event(20, { llm: "gpt", userId: "alice", tokenId: "laptop", requestId: "r20" }),
        event(20, { userId: "alice", action: "login", requestId: "r20b" }),
        event(30, { llm: "claude", userId: "alice", requestId: "r30" }),
      ]);
      const found = async (filter: Parameters<Store["queryAudit"]>[0]) =>
        (await store().queryAudit(filter)).map(({ requestId }) => requestId);
      expect(await found({ limit: 10 })).toEqual(["r30", "r20b", "r20", "r10"]);
      expect(await found({ limit: 2 })).toEqual(["r30", "r20b"]);
      expect(await found({ since: 20, limit: 10 })).toEqual(["r30", "r20b", "r20"]);
      expect(await found({ until: 20, limit: 10 })).toEqual(["r10"]);
      expect(await found({ since: 20, until: 30, limit: 1 })).toEqual(["r20b"]);
      expect(await found({ llm: "claude", limit: 10 })).toEqual(["r30", "r10"]);
      expect(await found({ user: "alice", action: "login", limit: 10 })).toEqual(["r20b"]);
      expect(await found({ token: "laptop", limit: 10 })).toEqual(["r20"]);
      expect(await found({ llm: "clau%", limit: 10 })).toEqual([]);
      expect(await found({ user: "alice' or '1'='1", limit: 10 })).toEqual([]);
    });

    it("finds the one among tens of thousands, and all of many", async () => {
      const many = Array.from({ length: 25_000 }, (_, index) => event(100 + (index >> 1), { llm: "busy" }));
      await store().appendAudit([event(1, { llm: "rare" }), ...many, event(20_000, { llm: "rare" })]);
      expect(await store().queryAudit({ llm: "rare", limit: 10 })).toEqual([
        event(20_000, { llm: "rare" }),
        event(1, { llm: "rare" }),
      ]);
      const all = await store().queryAudit({ llm: "busy", limit: 30_000 });
      expect(all.map(({ at }) => at)).toEqual(many.map(({ at }) => at).reverse());
    });

    it("finds events by their status", async () => {
      await store().appendAudit([200, 404, 429, 499, 500, 599].map((status) => event(status, { status })));
      const found = async (from: number, to: number) =>
        (await store().queryAudit({ status: { from, to }, limit: 10 })).map(({ status }) => status);
      expect(await found(400, 499)).toEqual([499, 429, 404]);
      expect(await found(429, 429)).toEqual([429]);
      expect(await found(600, 699)).toEqual([]);
    });

    it("is followed from its end: the newest, then each row once, what a filter leaves out passed over", async () => {
      const times = ({ events }: AuditTail) => events.map(({ event }) => event.at);
      await store().appendAudit([event(1), event(2, { llm: "gpt" }), event(3), event(4, { llm: "gpt" })]);
      const first = await store().auditTail(undefined, { limit: 2 });
      expect(times(first)).toEqual([3, 4]);
      expect(first.events.at(-1)?.row).toBe(first.last);
      expect(await store().auditTail(first.last, { limit: 2 })).toEqual({ events: [], last: first.last });

      await store().appendAudit([event(5), event(6), event(7, { llm: "gpt" })]);
      await store().commit([{ op: "audit", event: event(8) }]);
      const some = await store().auditTail(first.last, { limit: 3 });
      expect(times(some)).toEqual([5, 6, 7]);
      const rest = await store().auditTail(some.last, { limit: 3 });
      expect(times(rest)).toEqual([8]);
      expect(times(await store().auditTail(rest.last, { limit: 3 }))).toEqual([]);

      const filtered = await store().auditTail(first.last, { llm: "gpt", limit: 3 });
      expect(times(filtered)).toEqual([7]);
      expect(filtered.last).toBe(rest.last);
      expect(times(await store().auditTail(undefined, { llm: "gpt", limit: 2 }))).toEqual([4, 7]);
      // A number from another database, as a follower may bring it.
      expect(await store().auditTail(9_999, { limit: 3 })).toEqual({ events: [], last: 9_999 });
    });

    it("is followed through more than one look takes in", async () => {
      await store().appendAudit([event(1)]);
      const { last } = await store().auditTail(undefined, { limit: 1 });
      await store().appendAudit(Array.from({ length: 25_000 }, (_, i) => event(i, { llm: "busy" })));
      await store().appendAudit([event(2, { llm: "rare" })]);
      const found: AuditEvent[] = [];
      for (let before = -1, next = last; before !== next; ) {
        before = next;
        const part = await store().auditTail(next, { llm: "rare", limit: 10 });
        found.push(...part.events.map((one) => one.event));
        next = part.last;
      }
      expect(found).toEqual([event(2, { llm: "rare" })]);
    });

    it("rings for who follows it, and not any more when they stop", async () => {
      let rung = 0;
      const heard = Promise.withResolvers<void>();
      const stop = store().onAudit(() => {
        rung++;
        heard.resolve();
      });
      await store().appendAudit([event(1)]);
      await heard.promise;
      stop();
      const before = rung;
      const other = Promise.withResolvers<void>();
      const stopOther = store().onAudit(other.resolve);
      await store().commit([{ op: "audit", event: event(2) }]);
      await other.promise;
      stopOther();
      expect(rung).toBe(before);
    });

    it("appends all of a batch, and an empty one", async () => {
      await store().appendAudit([]);
      await store().appendAudit(Array.from({ length: 5_000 }, (_, index) => event(index)));
      expect(await store().queryAudit({ limit: 10_000 })).toHaveLength(5_000);
    });
  });

  it("refuses everything once it is closed", async () => {
    await store().close();
    const refused = { name: "StoreError", refusal: "unavailable" };
    await expect(store().ping()).rejects.toMatchObject(refused);
    await expect(store().load()).rejects.toMatchObject(refused);
    await expect(store().commit([insert("a")])).rejects.toMatchObject(refused);
    await expect(store().appendAudit([event(1)])).rejects.toMatchObject(refused);
  });
}
