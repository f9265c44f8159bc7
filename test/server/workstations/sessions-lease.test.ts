import { describe, expect, it, vi } from "vitest";
import { StoreError } from "../../../src/server/core/store/types.ts";
import { heldStore } from "../../support/held-store.ts";
import { row } from "../../support/row.ts";
import { hour, minute, provider, startTestSessions, user } from "./test-sessions.ts";

const day = 24 * hour;

describe("a lease", () => {
  it("ends after 90 s of silence, and closes the stream", async () => {
    const { attachAgent, advance, sessions, status, closings } = await startTestSessions();
    const { id, epoch } = await attachAgent({ providers: [provider("a")] });
    await advance(90_000);
    expect([sessions.isAttached(id), status("a"), closings]).toEqual([true, "active", []]);
    await advance(10_000);
    expect([sessions.isAttached(id), status("a")]).toEqual([false, "inactive"]);
    expect(closings).toEqual([`lapsed ${epoch}`]);
    await advance(minute);
    expect(closings).toHaveLength(1);
  });

  it("is renewed by a call, by a frame and by a heartbeat", async () => {
    const { attachAgent, advance, sessions, status, closings } = await startTestSessions();
    const { id, epoch } = await attachAgent({ providers: [provider("a")] });
    const signs = [
      () => void sessions.check(user("alice"), id, epoch),
      () => sessions.renew(id),
      () => sessions.report(id, {}),
    ];
    for (const sign of signs) {
      await advance(80_000);
      await sign();
    }
    await advance(80_000);
    expect([sessions.isAttached(id), status("a"), closings]).toEqual([true, "active", []]);
  });

  it("is not renewed by a call of another user, nor by one with an older epoch", async () => {
    const { attachAgent, advance, sessions, status } = await startTestSessions();
    const { id, epoch } = await attachAgent({ providers: [provider("a")] });
    await advance(80_000);
    expect(() => sessions.check(user("bob"), id, epoch)).toThrow();
    expect(() => sessions.check(user("alice"), id, epoch - 1)).toThrow();
    await advance(20_000);
    expect(status("a")).toBe("inactive");
  });

  it("counts on a monotonic clock (failure mode 52)", async () => {
    for (const jump of [-day, day]) {
      const { attachAgent, clocks, advance, sessions, status } = await startTestSessions();
      const { id } = await attachAgent({ providers: [provider("a")] });
      clocks.now += jump;
      await sessions.checkLeases();
      expect(status("a")).toBe("active");
      await advance(80_000);
      sessions.renew(id);
      await advance(80_000);
      expect(status("a")).toBe("active");
      await advance(20_000);
      expect([status("a"), sessions.isAttached(id)]).toEqual(["inactive", false]);
    }
  });

  it("does not end because the server slept: agents have 90 s to come back (failure mode 50)", async () => {
    const { attachAgent, clocks, advance, sessions, status } = await startTestSessions();
    const { id } = await attachAgent({ providers: [provider("a")] });
    clocks.elapsed += 8 * hour;
    clocks.now += 8 * hour;
    await sessions.checkLeases();
    expect([status("a"), sessions.isAttached(id)]).toEqual(["active", true]);
    await advance(80_000);
    expect(status("a")).toBe("active");
    sessions.renew(id);
    await advance(80_000);
    expect(status("a")).toBe("active");
  });
});

describe("an abandoned session", () => {
  it("is not ended if its agent is back by the time at which others have been ended (failure mode 265)", async () => {
    const { attachAgent, advance, sessions, status, store } = await startTestSessions();
    await attachAgent({ providers: [provider("a")] });
    const { id } = await attachAgent({ providers: [provider("b")] });
    const ending = heldStore(store).hold("deleteProviderSession", "before");
    const late = advance(4 * hour + minute);
    await ending.reached;
    sessions.renew(id);
    ending.release();
    await late;
    expect(status("a")).toBeUndefined();
    expect(status("b")).toBe("inactive");
    expect(sessions.check(user("alice"), id).id).toBe(id);
  });

  it("is deleted with its llms after four hours", async () => {
    const { attachAgent, advance, sessions, status, store } = await startTestSessions();
    const { id, epoch } = await attachAgent({ providers: [provider("a"), provider("b")] });
    const stays = await attachAgent({ providers: [provider("c")] }, user("bob"));
    await sessions.detached(id, epoch);
    for (let minutes = 0; minutes < 4 * 60; minutes++) {
      await advance(minute);
      sessions.renew(stays.id);
    }
    expect([status("a"), status("b"), status("c")]).toEqual(["inactive", "inactive", "active"]);
    await advance(10_000);
    expect([status("a"), status("b"), status("c")]).toEqual([undefined, undefined, "active"]);
    expect((await store.providerSessions()).map((one) => one.id)).toEqual([stays.id]);
    expect(() => sessions.check(user("alice"), id)).toThrow("there is no such session");
    const events = await store.queryAudit({ action: "delete", limit: 10 });
    expect(events.map(({ userId, detail }) => [userId, detail?.["name"]]).sort()).toEqual([
      [null, "a"],
      [null, "b"],
    ]);
  });

  it("still has its llms, with their settings, for an agent that comes back", async () => {
    const { attachAgent, advance, register, sessions, status, catalogue } = await startTestSessions();
    const { id, epoch } = await attachAgent({ providers: [provider("a", { visibility: "public" })] });
    const before = catalogue.snapshot.named("llm", "a");
    await sessions.detached(id, epoch);
    await advance(3 * hour);
    const again = await register({ providerSessionId: id, providers: [provider("a")] });
    expect(again.providerSessionId).toBe(id);
    expect(catalogue.snapshot.named("llm", "a")).toMatchObject({ id: before?.id, visibility: "public" });
    await advance(3 * hour);
    expect(status("a")).toBe("inactive");
  });

  it("keeps an llm to which another row refers, which cannot be called", async () => {
    const { attachAgent, advance, register, sessions, status, catalogue, store } = await startTestSessions();
    const { id, epoch } = await attachAgent({ providers: [provider("a"), provider("b")] });
    const pointing = row("agt_1", "agent", "reviewer", { spec: { llm: "a" } });
    const target = catalogue.snapshot.named("llm", "a")!;
    await catalogue.commit([
      { op: "insert", row: pointing, refs: [{ path: "/llm", toId: target.id, onDelete: "restrict" }] },
    ]);
    await sessions.detached(id, epoch);
    await advance(4 * hour + minute);
    expect([status("a"), status("b")]).toEqual(["inactive", undefined]);
    // The owner may publish the llm again from any session.
    expect((await store.providerSessions()).map((one) => one.id)).toEqual([id]);
    await register({ providers: [provider("a")] });
    expect(catalogue.snapshot.named("llm", "a")?.id).toBe(target.id);

    await advance(4 * hour + minute);
    expect(status("a")).toBe("inactive");
    await catalogue.commit([{ op: "delete", id: "agt_1", version: 1 }]);
    await advance(10_000);
    expect(status("a")).toBeUndefined();
    expect(await store.providerSessions()).toEqual([]);
  });

  it("is deleted after one lease if it has no rows", async () => {
    const { register, advance, store } = await startTestSessions();
    await register({});
    await advance(90_000);
    expect(await store.providerSessions()).toHaveLength(1);
    await advance(10_000);
    expect(await store.providerSessions()).toEqual([]);
  });

  it("is deleted with its llms when its user is deleted (failure mode 64)", async () => {
    const { attachAgent, advance, sessions, status, catalogue, store, closings } = await startTestSessions();
    const { id, epoch } = await attachAgent({ providers: [provider("a")] });
    await attachAgent({ providers: [provider("b")] }, user("bob"));
    await advance(100_000);
    const { epoch: next } = await sessions.attach(user("alice"), id, epoch);
    await sessions.attached(id, next);
    closings.length = 0;
    await catalogue.commit([{ op: "delete", id: "usr_alice", version: 1 }]);
    await advance(10_000);
    expect([status("a"), status("b"), sessions.isAttached(id)]).toEqual([undefined, "inactive", false]);
    expect(closings).toEqual([`lapsed ${next}`]);
    expect((await store.providerSessions()).map(({ ownerId }) => ownerId)).toEqual(["usr_bob"]);
  });
});

describe("after a start of the server", () => {
  it("the status of llms is kept for 90 s, and longer for agents that come back", async () => {
    const before = await startTestSessions();
    const { id, epoch } = await before.attachAgent({ providers: [provider("a")] });
    await before.attachAgent({ providers: [provider("b")] }, user("bob"));
    const { sessions, status, advance, closings } = await before.restart(minute);
    expect([status("a"), status("b"), sessions.isAttached(id)]).toEqual(["active", "active", false]);
    await advance(60_000);
    // A heartbeat opens no stream: the status of the llms is kept for a while.
    sessions.check(user("alice"), id, epoch);
    await advance(20_000);
    expect([status("a"), status("b")]).toEqual(["active", "active"]);
    const { epoch: next } = await sessions.attach(user("alice"), id, epoch);
    await sessions.attached(id, next);
    await advance(20_000);
    expect([next, status("a"), status("b")]).toEqual([epoch + 1, "active", "inactive"]);
    expect(closings).toEqual([]);
  });

  it("no session is deleted for 90 s, whatever the clock says (failure mode 52)", async () => {
    for (const gone of [5 * hour, 400 * day, -day]) {
      const before = await startTestSessions();
      await before.attachAgent({ providers: [provider("a")] });
      const { status, advance } = await before.restart(gone);
      await advance(90_000);
      expect(status("a"), `${gone}`).toBe("active");
      await advance(10_000);
      expect(status("a"), `${gone}`).toBe(gone > 0 ? undefined : "inactive");
    }
  });

  it("the time of silence before the start counts", async () => {
    const before = await startTestSessions();
    const { id } = await before.attachAgent({ providers: [provider("a")] });
    await before.advance(10 * minute);
    before.sessions.renew(id);
    await before.store.touchProviderSessions(before.catalogue.snapshot.volatile.seen);
    const { status, advance } = await before.restart(hour);
    await advance(3 * hour - minute);
    expect(status("a")).toBe("inactive");
    await advance(2 * minute);
    expect(status("a")).toBeUndefined();
  });
});

describe("a database", () => {
  const unavailable = new StoreError("unavailable");

  it("that refused a write gets it again with the next check (failure mode 69)", async () => {
    const { attachAgent, sessions, status, advance, catalogue, errors } = await startTestSessions();
    const { id, epoch } = await attachAgent({ providers: [provider("a")] });
    const commit = vi.spyOn(catalogue, "commit").mockRejectedValue(unavailable);
    await sessions.detached(id, epoch);
    expect([sessions.isAttached(id), status("a"), errors]).toEqual([false, "active", [unavailable]]);
    await advance(10_000);
    expect(errors).toEqual([unavailable, unavailable]);
    commit.mockRestore();
    await advance(10_000);
    expect([status("a"), errors.length]).toEqual(["inactive", 2]);
  });

  it("that fails does not stop agents from renewing their leases (failure mode 69)", async () => {
    const { attachAgent, sessions, advance, store, catalogue, closings } = await startTestSessions();
    const { id, epoch } = await attachAgent({ providers: [provider("a")] });
    const down = [
      vi.spyOn(catalogue, "commit").mockRejectedValue(unavailable),
      vi.spyOn(store, "providerSessions").mockRejectedValue(unavailable),
      vi.spyOn(store, "raiseEpoch").mockRejectedValue(unavailable),
    ];
    for (let i = 0; i < 5; i++) {
      await advance(60_000);
      sessions.check(user("alice"), id, epoch);
    }
    await expect(sessions.attach(user("alice"), id, epoch)).rejects.toBe(unavailable);
    for (const one of down) one.mockRestore();
    expect([sessions.isAttached(id), closings]).toEqual([true, []]);
    expect((await sessions.attach(user("alice"), id, epoch)).epoch).toBe(epoch + 1);
  });

  it("that two servers share tells each server about agents at the other one", async () => {
    const here = await startTestSessions();
    const { id, epoch } = await here.attachAgent({ providers: [provider("a")] });
    // The agent attaches to the other server, which writes there.
    const there = { bootId: null, machineId: null, protocol: 2 };
    for (let minutes = 0; minutes < 3; minutes++) {
      await here.store.touchProviderSessions(new Map([[id, here.clocks.now + 1]]));
      await here.advance(minute);
    }
    expect([here.status("a"), here.closings]).toEqual(["active", []]);
    await here.store.raiseEpoch(id, { ...there, seenAt: here.clocks.now });
    await expect(here.sessions.attach(user("alice"), id, epoch)).rejects.toMatchObject({ code: "fenced" });
    expect([here.sessions.isAttached(id), here.closings]).toEqual([false, [`superseded ${epoch + 1}`]]);
    expect(() => here.sessions.check(user("alice"), id, epoch)).toThrow();
  });

  it("that two servers share is not changed by the server at which an agent is not connected", async () => {
    const here = await startTestSessions();
    const there = await here.startSecondServer();
    const alice = user("alice");
    await here.advance(5 * minute);
    const { id, epoch } = await there.attachAgent({ providers: [provider("a")] });
    for (let minutes = 0; minutes < 5; minutes++) {
      there.sessions.renew(id);
      await there.store.touchProviderSessions(there.catalogue.snapshot.volatile.seen);
      await here.advance(minute);
      expect([here.status("a"), there.status("a")]).toEqual(["active", "active"]);
    }
    expect([here.closings, there.closings, here.sessions.isAttached(id)]).toEqual([[], [], false]);
    // The agent attaches here, and the server that had it closes its stream.
    const { epoch: next } = await here.sessions.attach(alice, id, epoch);
    await here.sessions.attached(id, next);
    await there.register({ providers: [provider("b")] });
    expect([there.sessions.isAttached(id), there.closings]).toEqual([false, [`superseded ${next}`]]);
    await there.sessions.detached(id, epoch);
    await here.advance(80_000);
    expect([here.status("a"), there.status("a")]).toEqual(["active", "active"]);
    await here.advance(20_000);
    expect([here.status("a"), there.status("a")]).toEqual(["inactive", "inactive"]);
    expect([here.errors, there.errors]).toEqual([[], []]);
  });

  it.each([
    ["is set back by a day", -24 * hour],
    ["is set forward by a day", 24 * hour],
  ])("that two servers share goes on when the clock of one %s (failure mode 94)", async (_, step) => {
    const here = await startTestSessions();
    const skew = { milliseconds: 0 };
    const there = await here.startSecondServer(skew);
    await here.advance(5 * minute);
    const { id } = await there.attachAgent({ providers: [provider("a")] });
    for (let minutes = 0; minutes < 6 * 60; minutes += 1) {
      if (minutes === 2) skew.milliseconds = step;
      there.sessions.renew(id);
      await there.store.touchProviderSessions(there.catalogue.snapshot.volatile.seen);
      await here.advance(minute);
      if (minutes < 10 || minutes % 60 === 0)
        expect([here.status("a"), there.status("a")], `after ${minutes} minutes`).toEqual([
          "active",
          "active",
        ]);
    }
    expect([here.errors, there.errors, here.closings, there.closings]).toEqual([[], [], [], []]);
  });
});
