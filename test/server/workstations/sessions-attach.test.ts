import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import type { AgentState } from "../../../src/wire/link/registration.ts";
import { heldStore } from "../../support/held-store.ts";
import { provider, startTestSessions, user } from "./test-sessions.ts";

const code = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error) => {
      if (error instanceof AppError) return error.code;
      throw error;
    },
  );
const codeOf = (work: () => unknown) => code((async () => work())());

describe("ProviderSessions.attach", () => {
  it("makes the llms of an agent callable when its stream opens, and inactive when it closes", async () => {
    const { register, sessions, status } = await startTestSessions();
    const alice = user("alice");
    const { providerSessionId: id, epoch: first } = await register({
      providers: [provider("a"), provider("b", { initialStatus: "hibernating" })],
    });
    expect([first, sessions.isAttached(id), status("a")]).toEqual([1, false, "inactive"]);

    const { epoch } = await sessions.attach(alice, id);
    expect([epoch, sessions.isAttached(id), status("a")]).toEqual([2, false, "inactive"]);
    await sessions.attached(id, epoch);
    expect([sessions.isAttached(id), status("a"), status("b")]).toEqual([true, "active", "hibernating"]);

    const ended = sessions.detached(id, epoch);
    expect(sessions.isAttached(id)).toBe(false);
    await ended;
    expect([status("a"), status("b")]).toEqual(["inactive", "inactive"]);
  });

  it("is not affected by an older stream of the session (failure mode 45)", async () => {
    const { attachAgent, sessions, status, closings } = await startTestSessions();
    const alice = user("alice");
    const { id, epoch: old } = await attachAgent({ providers: [provider("a")] });
    const { epoch } = await sessions.attach(alice, id, old);
    expect(epoch).toBe(old + 1);
    await sessions.attached(id, epoch);
    await sessions.detached(id, old);
    await sessions.attached(id, old);
    expect([sessions.isAttached(id), status("a")]).toEqual([true, "active"]);
    expect(await codeOf(() => sessions.check(alice, id, old))).toBe("fenced");
    expect(await code(sessions.attach(alice, id, old))).toBe("fenced");
    expect(sessions.check(alice, id, epoch).epoch).toBe(epoch);
    // An agent that sends no epoch is never fenced.
    expect(sessions.check(alice, id).epoch).toBe(epoch);
    // No other process registered, so the server does not close the old stream.
    expect(closings).toEqual([]);
  });

  it("refuses another user's session and an unknown session with the same error", async () => {
    const { attachAgent, sessions } = await startTestSessions();
    const { id, epoch } = await attachAgent({ providers: [provider("a")] });
    const messages = new Set<string>();
    for (const [who, which] of [
      [user("bob"), id],
      [user("bob"), "pvs_none"],
      [user("alice"), ""],
    ] as const) {
      for (const call of [
        () => sessions.attach(who, which, epoch - 1),
        () => sessions.attach(who, which),
        () => sessions.check(who, which, epoch),
      ]) {
        const error = await (async () => call())().catch((thrown) => thrown);
        expect(error).toMatchObject({ code: "not_found" });
        messages.add(error.message);
      }
    }
    expect(messages.size).toBe(1);
    expect(sessions.isAttached(id)).toBe(true);
    expect(sessions.check(user("alice"), id).epoch).toBe(epoch);
  });

  it("gives each stream an epoch of its own, also when many attach at once", async () => {
    const { register, sessions } = await startTestSessions();
    const { providerSessionId: id } = await register({});
    const taken = await Promise.all(Array.from({ length: 10 }, () => sessions.attach(user("alice"), id)));
    expect(taken.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 10 }, (_, index) => index + 2));
  });
});

describe("ProviderSessions.register", () => {
  it("keeps the stream of the same process, whose end still makes the llms inactive", async () => {
    const { attachAgent, register, sessions, status, closings } = await startTestSessions();
    const { id, epoch: stream } = await attachAgent({ bootId: "b1", providers: [provider("a")] });
    await sessions.report(id, { llms: { a: { status: "hibernating", resident: false } } });
    const again = await register({
      providerSessionId: id,
      bootId: "b1",
      providers: [provider("a"), provider("b")],
    });
    expect(again).toMatchObject({
      providerSessionId: id,
      epoch: stream + 1,
      llms: [
        { name: "a", status: "hibernating" },
        { name: "b", status: "active" },
      ],
    });
    expect([sessions.isAttached(id), closings]).toEqual([true, []]);
    expect(await codeOf(() => sessions.check(user("alice"), id, stream))).toBe("fenced");
    await sessions.detached(id, stream);
    expect([status("a"), status("b")]).toEqual(["inactive", "inactive"]);
  });

  it("takes the session from another process and closes its stream (failure mode 43)", async () => {
    const { attachAgent, register, sessions, status, closings } = await startTestSessions();
    const alice = user("alice");
    const first = { bootId: "b1", machineId: "m", providers: [provider("a")] };
    const { id, epoch: old } = await attachAgent(first);
    const { epoch, providerSessionId } = await register({ ...first, providerSessionId: id, bootId: "b2" });
    expect([providerSessionId, epoch, closings]).toEqual([id, old + 1, [`superseded ${old + 1}`]]);
    expect([sessions.isAttached(id), status("a")]).toEqual([false, "inactive"]);
    // The old agent is fenced, and the end of its stream does not affect the new one.
    expect(await codeOf(() => sessions.check(alice, id, old))).toBe("fenced");
    expect(await code(sessions.attach(alice, id, old))).toBe("fenced");
    const { epoch: stream } = await sessions.attach(alice, id, epoch);
    await sessions.attached(id, stream);
    await sessions.detached(id, old);
    expect([sessions.isAttached(id), status("a")]).toEqual([true, "active"]);
  });

  it("takes the session from a stream that another process is just opening", async () => {
    const { attachAgent, register, sessions, closings } = await startTestSessions();
    const { id } = await attachAgent({ bootId: "b1", providers: [provider("a")] });
    const { epoch: opening } = await sessions.attach(user("alice"), id);
    const { epoch } = await register({ providerSessionId: id, bootId: "b2", providers: [provider("a")] });
    await sessions.attached(id, opening);
    expect(sessions.isAttached(id)).toBe(false);
    expect(closings).toEqual([`superseded ${epoch}`, `superseded ${epoch}`]);
  });

  it("gives an agent on another machine a session of its own, and the first agent keeps its names (failure mode 44)", async () => {
    const { attachAgent, register, sessions, llmOf, status, advance, closings } = await startTestSessions();
    const { id, epoch } = await attachAgent({ machineId: "m1", providers: [provider("a")] });
    const copy = { providerSessionId: id, machineId: "m2" };
    await expect(register({ ...copy, providers: [provider("a")] })).rejects.toMatchObject({
      code: "name_taken",
      details: [{ path: "/providers/0/name", message: 'llm "a" is published by another agent of yours' }],
    });
    const { providerSessionId: other } = await register({ ...copy, providers: [provider("b")] });
    expect(other).not.toBe(id);
    expect([sessions.isAttached(id), status("a"), closings]).toEqual([true, "active", []]);
    expect(sessions.check(user("alice"), id, epoch).epoch).toBe(epoch);
    // The names stay taken until the lease of the first agent ends.
    await sessions.detached(id, epoch);
    await advance(80_000);
    expect(await code(register({ ...copy, providerSessionId: other, providers: [provider("a")] }))).toBe(
      "name_taken",
    );
    await advance(20_000);
    await register({ ...copy, providerSessionId: other, providers: [provider("a")] });
    expect(llmOf(other, "a")?.name).toBe("a");
    expect(llmOf(id, "a")).toBeUndefined();
  });

  it("never gives an agent the session of another user", async () => {
    const { attachAgent, register, sessions } = await startTestSessions();
    const { id } = await attachAgent({ machineId: "m", bootId: "b", providers: [provider("a")] });
    const own = await register(
      { providerSessionId: id, machineId: "m", bootId: "b2", providers: [provider("b")] },
      user("bob"),
    );
    expect(own.providerSessionId).not.toBe(id);
    expect(own.epoch).toBe(1);
    expect(sessions.isAttached(id)).toBe(true);
  });

  it("refuses a new session to a user who has a thousand", async () => {
    const { register, sessions, store, clocks } = await startTestSessions();
    const { providerSessionId } = await register({});
    const [one] = await store.providerSessions();
    for (let i = 1; i < 1000; i++)
      await store.addProviderSession({ ...one!, id: `pvs_${i}`, seenAt: clocks.now });
    expect(await code(register({}))).toBe("too_many_requests");
    expect((await register({ providerSessionId })).epoch).toBe(2);
    expect((await register({}, user("bob"))).epoch).toBe(1);
    expect(sessions.check(user("alice"), "pvs_999").ownerId).toBe("usr_alice");
  });

  it("keeps the llms of the last of many registrations at once", async () => {
    const { register, catalogue } = await startTestSessions();
    const { providerSessionId } = await register({});
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        register({ providerSessionId, bootId: `b${index}`, providers: [provider(`llm-${index}`)] }),
      ),
    );
    expect(answers.map(({ epoch }) => epoch)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    expect(catalogue.snapshot.table("llm").sorted.map(({ name }) => name)).toEqual(["llm-7"]);
  });
});

describe("ProviderSessions.report", () => {
  it("sets the status of llms, and keeps the rest of their state in memory", async () => {
    const { attachAgent, sessions, status, catalogue } = await startTestSessions();
    const { id, epoch } = await attachAgent({ providers: [provider("a"), provider("b")] });
    const llm = () => catalogue.snapshot.named("llm", "a")!;
    await sessions.report(id, { llms: { a: { status: "hibernating", resident: true, inFlight: 3 } } });
    expect([status("a"), status("b")]).toEqual(["hibernating", "active"]);
    expect(sessions.llmState(llm())).toMatchObject({ resident: true, inFlight: 3 });

    const { revision } = catalogue.snapshot;
    await sessions.report(id, { llms: { a: { status: "hibernating", resident: false, inFlight: 0 } } });
    await sessions.report(id, {});
    expect(sessions.llmState(llm())).toMatchObject({ resident: false, inFlight: 0 });
    await sessions.checkLeases();
    expect(await catalogue.store.changesSince(revision, 10)).toEqual([]);

    await sessions.detached(id, epoch);
    expect(sessions.llmState(llm())).toBeUndefined();
    const { epoch: next } = await sessions.attach(user("alice"), id, epoch);
    await sessions.attached(id, next);
    expect([status("a"), status("b")]).toEqual(["hibernating", "active"]);
  });

  it("makes the llms of a draining agent inactive", async () => {
    const { attachAgent, sessions, status } = await startTestSessions();
    const { id } = await attachAgent({ providers: [provider("a")] });
    await sessions.report(id, { draining: true });
    expect([status("a"), sessions.isAttached(id)]).toEqual(["inactive", true]);
    await sessions.report(id, { draining: false, llms: { a: { status: "active" } } });
    expect(status("a")).toBe("active");
  });

  it("writes at most twenty reports in ten seconds at once, and later ones with the next check (failure mode 71)", async () => {
    const { attachAgent, sessions, llmOf, status, catalogue, clocks } = await startTestSessions();
    const { id } = await attachAgent({ providers: [provider("a"), provider("b")] });
    const other = await attachAgent({ providers: [provider("theirs")] }, user("bob"));
    const { revision } = catalogue.snapshot;
    const written = async () => (await catalogue.store.changesSince(revision, 1000))?.length;
    const say = (status: "active" | "hibernating", inFlight = 0) =>
      sessions.report(id, { llms: { a: { status, inFlight } } });
    // Reports without a change of status do not count.
    for (let n = 0; n < 100; n++) await say("active", n);
    for (let n = 0; n < 101; n++) await say(n % 2 === 0 ? "hibernating" : "active", n);
    expect([await written(), status("a")]).toEqual([20, "active"]);
    expect(sessions.llmState(llmOf(id, "a")!)).toMatchObject({ inFlight: 100 });
    // Reports of another agent are counted apart.
    await sessions.report(other.id, { llms: { theirs: { status: "inactive" } } });
    expect(status("theirs")).toBe("inactive");
    await sessions.checkLeases();
    expect(status("a")).toBe("hibernating");
    clocks.elapsed += 11_000;
    await say("active");
    expect(status("a")).toBe("active");
  });

  it("ignores llms of other agents, and states that are not valid (failure mode 71)", async () => {
    const { attachAgent, sessions, llmOf, status, errors } = await startTestSessions();
    const { id } = await attachAgent({ providers: [provider("a")] });
    await attachAgent({ providers: [provider("theirs")] }, user("bob"));
    const hostile = [
      { llms: { theirs: { status: "inactive" }, toString: { status: "inactive" } } },
      { llms: { a: { status: "deleted" } } },
      { llms: { a: "inactive" } },
      { llms: { a: null } },
      { llms: null },
      { llms: [{ status: "inactive" }] },
      { draining: "yes" },
      { news: { a: 1 } },
    ] as unknown as AgentState[];
    for (const state of hostile) await sessions.report(id, state);
    expect([status("a"), status("theirs"), errors]).toEqual(["active", "active", []]);
    const odd = { a: { status: "active", resident: "no", inFlight: -1 } } as unknown as AgentState["llms"];
    await sessions.report(id, { llms: odd! });
    expect(sessions.llmState(llmOf(id, "a")!)).toEqual({ status: "active" });
  });
});

describe("ProviderSessions.workstations", () => {
  it("takes no session for one of another server while this one claims it (failure mode 261)", async () => {
    const { attachAgent, register, sessions, status, closings, store } = await startTestSessions();
    const about = { bootId: "process-1", machineId: "machine-1", providers: [provider("a")] };
    const { id } = await attachAgent(about);
    const before = [...closings];
    const claiming = heldStore(store).hold("raiseEpoch", "after");
    const registering = register({ ...about, providerSessionId: id });
    await claiming.reached;
    const listing = sessions.workstations(user("alice"));
    // What does not wait for the claim has read the sessions by then.
    await new Promise((resolve) => setImmediate(resolve));
    claiming.release();
    const { epoch } = await registering;
    expect(await listing).toHaveLength(1);
    expect([sessions.isAttached(id), status("a"), closings]).toEqual([true, "active", before]);
    expect(sessions.check(user("alice"), id).epoch).toBe(epoch);
  });
});

describe("an agent whose registration has lost its response", () => {
  const process1 = { bootId: "process-1", machineId: "machine-1", providers: [provider("a")] };

  it("gets its session when it registers again, also after a restart of the server (failure mode 301)", async () => {
    const first = await startTestSessions();
    const { providerSessionId: id } = await first.register(process1);
    expect(await first.register(process1)).toMatchObject({ providerSessionId: id, epoch: 2 });
    const second = await first.restart();
    expect(await second.register(process1)).toMatchObject({ providerSessionId: id, epoch: 3 });
    expect((await second.sessions.attach(user("alice"), id, 3)).epoch).toBe(4);
  });

  it.each([
    ["another process", { bootId: "process-2" }],
    ["another machine", { machineId: "machine-2" }],
    ["an agent that does not name its process", { bootId: undefined }],
    ["an agent that does not name its machine", { machineId: undefined }],
  ])("%s does not get it", async (_, more) => {
    const { register } = await startTestSessions();
    const { providerSessionId: id } = await register({ ...process1, ...more });
    const other = await register({ ...process1, providers: [provider("b")] });
    expect(other.providerSessionId).not.toBe(id);
    const again = await register({ ...process1, ...more, providers: [provider("c")] });
    expect([id, other.providerSessionId].includes(again.providerSessionId)).toBe(
      Object.values(more)[0] !== undefined,
    );
  });

  it("does not take the session of another user, nor one that is attached", async () => {
    const { register, attachAgent } = await startTestSessions();
    const { providerSessionId: id } = await register(process1, user("bob"));
    const own = await attachAgent({ ...process1, providers: [provider("b")] });
    const { providerSessionId } = await register({ ...process1, providers: [provider("c")] });
    expect(new Set([id, own.id, providerSessionId]).size).toBe(3);
  });
});
