import { describe, expect, it, vi } from "vitest";
import { StoreError } from "../../../src/server/core/store/types.ts";
import { row } from "../../support/row.ts";
import { hour, minute, openHouse, provider, user } from "./test-sessions.ts";

const day = 24 * hour;

describe("a lease", () => {
  it("is over after 90 s without a word, and the stream with it", async () => {
    const { arrive, pass, sessions, status, told } = await openHouse();
    const { id, epoch } = await arrive({ providers: [provider("a")] });
    await pass(90_000);
    expect([sessions.isAttached(id), status("a"), told]).toEqual([true, "active", []]);
    await pass(10_000);
    expect([sessions.isAttached(id), status("a")]).toEqual([false, "inactive"]);
    expect(told).toEqual([`lapsed ${epoch}`]);
    await pass(minute);
    expect(told).toHaveLength(1);
  });

  it("is renewed by a call, by what comes over the stream and by a heartbeat", async () => {
    const { arrive, pass, sessions, status, told } = await openHouse();
    const { id, epoch } = await arrive({ providers: [provider("a")] });
    const signs = [
      () => void sessions.check(user("alice"), id, epoch),
      () => sessions.renew(id),
      () => sessions.report(id, {}),
    ];
    for (const sign of signs) {
      await pass(80_000);
      await sign();
    }
    await pass(80_000);
    expect([sessions.isAttached(id), status("a"), told]).toEqual([true, "active", []]);
  });

  it("is not renewed by somebody else's call, nor by one with an older epoch", async () => {
    const { arrive, pass, sessions, status } = await openHouse();
    const { id, epoch } = await arrive({ providers: [provider("a")] });
    await pass(80_000);
    expect(() => sessions.check(user("bob"), id, epoch)).toThrow();
    expect(() => sessions.check(user("alice"), id, epoch - 1)).toThrow();
    await pass(20_000);
    expect(status("a")).toBe("inactive");
  });

  it("does not look at the clock that people set (failure mode 52)", async () => {
    for (const jump of [-day, day]) {
      const { arrive, clocks, pass, sessions, status } = await openHouse();
      const { id } = await arrive({ providers: [provider("a")] });
      clocks.now += jump;
      await sessions.checkLeases();
      expect(status("a")).toBe("active");
      await pass(80_000);
      sessions.renew(id);
      await pass(80_000);
      expect(status("a")).toBe("active");
      await pass(20_000);
      expect([status("a"), sessions.isAttached(id)]).toEqual(["inactive", false]);
    }
  });

  it("is not over because the server slept: agents have 90 s to come back (failure mode 50)", async () => {
    const { arrive, clocks, pass, sessions, status } = await openHouse();
    const { id } = await arrive({ providers: [provider("a")] });
    clocks.elapsed += 8 * hour;
    clocks.now += 8 * hour;
    await sessions.checkLeases();
    expect([status("a"), sessions.isAttached(id)]).toEqual(["active", true]);
    await pass(80_000);
    expect(status("a")).toBe("active");
    sessions.renew(id);
    await pass(80_000);
    expect(status("a")).toBe("active");
  });
});

describe("what nobody comes back for", () => {
  it("is deleted after four hours, and the session with it", async () => {
    const { arrive, pass, sessions, status, store } = await openHouse();
    const { id, epoch } = await arrive({ providers: [provider("a"), provider("b")] });
    const stays = await arrive({ providers: [provider("c")] }, user("bob"));
    await sessions.detached(id, epoch);
    for (let minutes = 0; minutes < 4 * 60; minutes++) {
      await pass(minute);
      sessions.renew(stays.id);
    }
    expect([status("a"), status("b"), status("c")]).toEqual(["inactive", "inactive", "active"]);
    await pass(10_000);
    expect([status("a"), status("b"), status("c")]).toEqual([undefined, undefined, "active"]);
    expect((await store.providerSessions()).map((one) => one.id)).toEqual([stays.id]);
    expect(() => sessions.check(user("alice"), id)).toThrow("there is no such session");
    const events = await store.queryAudit({ action: "delete", limit: 10 });
    expect(events.map(({ userId, detail }) => [userId, detail?.["name"]]).sort()).toEqual([
      [null, "a"],
      [null, "b"],
    ]);
  });

  it("is there for an agent that does, with the settings it had", async () => {
    const { arrive, pass, register, sessions, status, catalogue } = await openHouse();
    const { id, epoch } = await arrive({ providers: [provider("a", { visibility: "public" })] });
    const before = catalogue.snapshot.named("llm", "a");
    await sessions.detached(id, epoch);
    await pass(3 * hour);
    const again = await register({ providerSessionId: id, providers: [provider("a")] });
    expect(again.providerSessionId).toBe(id);
    expect(catalogue.snapshot.named("llm", "a")).toMatchObject({ id: before?.id, visibility: "public" });
    await pass(3 * hour);
    expect(status("a")).toBe("inactive");
  });

  it("stays as long as something points at it, and nobody can call it", async () => {
    const { arrive, pass, register, sessions, status, catalogue, store } = await openHouse();
    const { id, epoch } = await arrive({ providers: [provider("a"), provider("b")] });
    const pointing = row("agt_1", "agent", "reviewer", { spec: { llm: "a" } });
    const target = catalogue.snapshot.named("llm", "a")!;
    await catalogue.commit([
      { op: "insert", row: pointing, refs: [{ path: "/llm", toId: target.id, onDelete: "restrict" }] },
    ]);
    await sessions.detached(id, epoch);
    await pass(4 * hour + minute);
    expect([status("a"), status("b")]).toEqual(["inactive", undefined]);
    // Its owner may have it again, from whichever session.
    expect((await store.providerSessions()).map((one) => one.id)).toEqual([id]);
    await register({ providers: [provider("a")] });
    expect(catalogue.snapshot.named("llm", "a")?.id).toBe(target.id);

    await pass(4 * hour + minute);
    expect(status("a")).toBe("inactive");
    await catalogue.commit([{ op: "delete", id: "agt_1", version: 1 }]);
    await pass(10_000);
    expect(status("a")).toBeUndefined();
    expect(await store.providerSessions()).toEqual([]);
  });

  it("is a session without anything in it after a lease already", async () => {
    const { register, pass, store } = await openHouse();
    await register({});
    await pass(90_000);
    expect(await store.providerSessions()).toHaveLength(1);
    await pass(10_000);
    expect(await store.providerSessions()).toEqual([]);
  });

  it("is all that a deleted user published (failure mode 64)", async () => {
    const { arrive, pass, sessions, status, catalogue, store, told } = await openHouse();
    const { id, epoch } = await arrive({ providers: [provider("a")] });
    await arrive({ providers: [provider("b")] }, user("bob"));
    await pass(100_000);
    const { epoch: next } = await sessions.attach(user("alice"), id, epoch);
    await sessions.attached(id, next);
    told.length = 0;
    await catalogue.commit([{ op: "delete", id: "usr_alice", version: 1 }]);
    await pass(10_000);
    expect([status("a"), status("b"), sessions.isAttached(id)]).toEqual([undefined, "inactive", false]);
    expect(told).toEqual([`lapsed ${next}`]);
    expect((await store.providerSessions()).map(({ ownerId }) => ownerId)).toEqual(["usr_bob"]);
  });
});

describe("after the server was started", () => {
  it("what agents published stays as it was for 90 s, and longer for those that come back", async () => {
    const before = await openHouse();
    const { id, epoch } = await before.arrive({ providers: [provider("a")] });
    await before.arrive({ providers: [provider("b")] }, user("bob"));
    const { sessions, status, pass, told } = await before.restart(minute);
    expect([status("a"), status("b"), sessions.isAttached(id)]).toEqual(["active", "active", false]);
    await pass(60_000);
    // A word alone brings no stream: its llms stay as they were a while.
    sessions.check(user("alice"), id, epoch);
    await pass(20_000);
    expect([status("a"), status("b")]).toEqual(["active", "active"]);
    const { epoch: next } = await sessions.attach(user("alice"), id, epoch);
    await sessions.attached(id, next);
    await pass(20_000);
    expect([next, status("a"), status("b")]).toEqual([epoch + 1, "active", "inactive"]);
    expect(told).toEqual([]);
  });

  it("nobody is deleted for 90 s, whatever the clock says (failure mode 52)", async () => {
    for (const gone of [5 * hour, 400 * day, -day]) {
      const before = await openHouse();
      await before.arrive({ providers: [provider("a")] });
      const { status, pass } = await before.restart(gone);
      await pass(90_000);
      expect(status("a"), `${gone}`).toBe("active");
      await pass(10_000);
      expect(status("a"), `${gone}`).toBe(gone > 0 ? undefined : "inactive");
    }
  });

  it("the time before it counts", async () => {
    const before = await openHouse();
    const { id } = await before.arrive({ providers: [provider("a")] });
    await before.pass(10 * minute);
    before.sessions.renew(id);
    await before.store.touchProviderSessions(before.catalogue.snapshot.volatile.seen);
    const { status, pass } = await before.restart(hour);
    await pass(3 * hour - minute);
    expect(status("a")).toBe("inactive");
    await pass(2 * minute);
    expect(status("a")).toBeUndefined();
  });
});

describe("the database", () => {
  const unavailable = new StoreError("unavailable");

  it("is asked again for what it did not take (failure mode 69)", async () => {
    const { arrive, sessions, status, pass, catalogue, errors } = await openHouse();
    const { id, epoch } = await arrive({ providers: [provider("a")] });
    const commit = vi.spyOn(catalogue, "commit").mockRejectedValue(unavailable);
    await sessions.detached(id, epoch);
    expect([sessions.isAttached(id), status("a"), errors]).toEqual([false, "active", [unavailable]]);
    await pass(10_000);
    expect(errors).toEqual([unavailable, unavailable]);
    commit.mockRestore();
    await pass(10_000);
    expect([status("a"), errors.length]).toEqual(["inactive", 2]);
  });

  it("is not needed for agents to be heard (failure mode 69)", async () => {
    const { arrive, sessions, pass, store, catalogue, told } = await openHouse();
    const { id, epoch } = await arrive({ providers: [provider("a")] });
    const down = [
      vi.spyOn(catalogue, "commit").mockRejectedValue(unavailable),
      vi.spyOn(store, "providerSessions").mockRejectedValue(unavailable),
      vi.spyOn(store, "raiseEpoch").mockRejectedValue(unavailable),
    ];
    for (let i = 0; i < 5; i++) {
      await pass(60_000);
      sessions.check(user("alice"), id, epoch);
    }
    await expect(sessions.attach(user("alice"), id, epoch)).rejects.toBe(unavailable);
    for (const one of down) one.mockRestore();
    expect([sessions.isAttached(id), told]).toEqual([true, []]);
    expect((await sessions.attach(user("alice"), id, epoch)).epoch).toBe(epoch + 1);
  });

  it("that another server uses, too, tells what agents are doing there", async () => {
    const here = await openHouse();
    const { id, epoch } = await here.arrive({ providers: [provider("a")] });
    // Another server does what it does there: the agent has gone over to it.
    const there = { bootId: null, machineId: null, protocol: 2 };
    for (let minutes = 0; minutes < 3; minutes++) {
      await here.store.touchProviderSessions(new Map([[id, here.clocks.now + 1]]));
      await here.pass(minute);
    }
    expect([here.status("a"), here.told]).toEqual(["active", []]);
    await here.store.raiseEpoch(id, { ...there, seenAt: here.clocks.now });
    await expect(here.sessions.attach(user("alice"), id, epoch)).rejects.toMatchObject({ code: "fenced" });
    expect([here.sessions.isAttached(id), here.told]).toEqual([false, [`superseded ${epoch + 1}`]]);
    expect(() => here.sessions.check(user("alice"), id, epoch)).toThrow();
  });

  it("that another server uses, too, is not told otherwise by this one", async () => {
    const here = await openHouse();
    const there = await here.beside();
    const alice = user("alice");
    await here.pass(5 * minute);
    const { id, epoch } = await there.arrive({ providers: [provider("a")] });
    for (let minutes = 0; minutes < 5; minutes++) {
      there.sessions.renew(id);
      await there.store.touchProviderSessions(there.catalogue.snapshot.volatile.seen);
      await here.pass(minute);
      expect([here.status("a"), there.status("a")]).toEqual(["active", "active"]);
    }
    expect([here.told, there.told, here.sessions.isAttached(id)]).toEqual([[], [], false]);
    // The agent comes over: the one that had it lets go of it.
    const { epoch: next } = await here.sessions.attach(alice, id, epoch);
    await here.sessions.attached(id, next);
    await there.register({ providers: [provider("b")] });
    expect([there.sessions.isAttached(id), there.told]).toEqual([false, [`superseded ${next}`]]);
    await there.sessions.detached(id, epoch);
    await here.pass(80_000);
    expect([here.status("a"), there.status("a")]).toEqual(["active", "active"]);
    await here.pass(20_000);
    expect([here.status("a"), there.status("a")]).toEqual(["inactive", "inactive"]);
    expect([here.errors, there.errors]).toEqual([[], []]);
  });
});
