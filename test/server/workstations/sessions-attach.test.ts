import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import type { AgentState } from "../../../src/wire/link/registration.ts";
import { openHouse, provider, user } from "./test-sessions.ts";

const code = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error) => {
      if (error instanceof AppError) return error.code;
      throw error;
    },
  );
const codeOf = (work: () => unknown) => code((async () => work())());

describe("a stream", () => {
  it("makes what is published callable, and its end the opposite, both at once", async () => {
    const { register, sessions, status } = await openHouse();
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

  it("is none of the business of one that was attached before it (failure mode 45)", async () => {
    const { arrive, sessions, status, told } = await openHouse();
    const alice = user("alice");
    const { id, epoch: old } = await arrive({ providers: [provider("a")] });
    const { epoch } = await sessions.attach(alice, id, old);
    expect(epoch).toBe(old + 1);
    await sessions.attached(id, epoch);
    await sessions.detached(id, old);
    await sessions.attached(id, old);
    expect([sessions.isAttached(id), status("a")]).toEqual([true, "active"]);
    expect(await codeOf(() => sessions.check(alice, id, old))).toBe("fenced");
    expect(await code(sessions.attach(alice, id, old))).toBe("fenced");
    expect(sessions.check(alice, id, epoch).epoch).toBe(epoch);
    // The agents of others, which do not say what they know, are never fenced.
    expect(sessions.check(alice, id).epoch).toBe(epoch);
    // The stream closes in its own time: nobody registered.
    expect(told).toEqual([]);
  });

  it("of another user's session, or of none, is refused alike", async () => {
    const { arrive, sessions } = await openHouse();
    const { id, epoch } = await arrive({ providers: [provider("a")] });
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

  it("is given an epoch of its own, also when many come at once", async () => {
    const { register, sessions } = await openHouse();
    const { providerSessionId: id } = await register({});
    const taken = await Promise.all(Array.from({ length: 10 }, () => sessions.attach(user("alice"), id)));
    expect(taken.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 10 }, (_, index) => index + 2));
  });
});

describe("a register", () => {
  it("by the same process keeps its stream, whose end is still its end", async () => {
    const { arrive, register, sessions, status, told } = await openHouse();
    const { id, epoch: stream } = await arrive({ bootId: "b1", providers: [provider("a")] });
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
    expect([sessions.isAttached(id), told]).toEqual([true, []]);
    expect(await codeOf(() => sessions.check(user("alice"), id, stream))).toBe("fenced");
    await sessions.detached(id, stream);
    expect([status("a"), status("b")]).toEqual(["inactive", "inactive"]);
  });

  it("by another process takes the session over, and the old stream with it (failure mode 43)", async () => {
    const { arrive, register, sessions, status, told } = await openHouse();
    const alice = user("alice");
    const first = { bootId: "b1", machineId: "m", providers: [provider("a")] };
    const { id, epoch: old } = await arrive(first);
    const { epoch, providerSessionId } = await register({ ...first, providerSessionId: id, bootId: "b2" });
    expect([providerSessionId, epoch, told]).toEqual([id, old + 1, [`superseded ${old + 1}`]]);
    expect([sessions.isAttached(id), status("a")]).toEqual([false, "inactive"]);
    // The one before is fenced out for good, and does not undo what the new one does.
    expect(await codeOf(() => sessions.check(alice, id, old))).toBe("fenced");
    expect(await code(sessions.attach(alice, id, old))).toBe("fenced");
    const { epoch: stream } = await sessions.attach(alice, id, epoch);
    await sessions.attached(id, stream);
    await sessions.detached(id, old);
    expect([sessions.isAttached(id), status("a")]).toEqual([true, "active"]);
  });

  it("by another process wins over a stream that is just being opened", async () => {
    const { arrive, register, sessions, told } = await openHouse();
    const { id } = await arrive({ bootId: "b1", providers: [provider("a")] });
    const { epoch: opening } = await sessions.attach(user("alice"), id);
    const { epoch } = await register({ providerSessionId: id, bootId: "b2", providers: [provider("a")] });
    await sessions.attached(id, opening);
    expect(sessions.isAttached(id)).toBe(false);
    expect(told).toEqual([`superseded ${epoch}`, `superseded ${epoch}`]);
  });

  it("on another machine gets a session of its own, and the first keeps its names (failure mode 44)", async () => {
    const { arrive, register, sessions, llmOf, status, pass, told } = await openHouse();
    const { id, epoch } = await arrive({ machineId: "m1", providers: [provider("a")] });
    const copy = { providerSessionId: id, machineId: "m2" };
    await expect(register({ ...copy, providers: [provider("a")] })).rejects.toMatchObject({
      code: "name_taken",
      details: [{ path: "/providers/0/name", message: 'llm "a" is published by another agent of yours' }],
    });
    const { providerSessionId: other } = await register({ ...copy, providers: [provider("b")] });
    expect(other).not.toBe(id);
    expect([sessions.isAttached(id), status("a"), told]).toEqual([true, "active", []]);
    expect(sessions.check(user("alice"), id, epoch).epoch).toBe(epoch);
    // While the first could come back, its names are not free.
    await sessions.detached(id, epoch);
    await pass(80_000);
    expect(await code(register({ ...copy, providerSessionId: other, providers: [provider("a")] }))).toBe(
      "name_taken",
    );
    await pass(20_000);
    await register({ ...copy, providerSessionId: other, providers: [provider("a")] });
    expect(llmOf(other, "a")?.name).toBe("a");
    expect(llmOf(id, "a")).toBeUndefined();
  });

  it("never gets another user's session", async () => {
    const { arrive, register, sessions } = await openHouse();
    const { id } = await arrive({ machineId: "m", bootId: "b", providers: [provider("a")] });
    const own = await register(
      { providerSessionId: id, machineId: "m", bootId: "b2", providers: [provider("b")] },
      user("bob"),
    );
    expect(own.providerSessionId).not.toBe(id);
    expect(own.epoch).toBe(1);
    expect(sessions.isAttached(id)).toBe(true);
  });

  it("is refused a session more when its user has a thousand", async () => {
    const { register, sessions, store, clocks } = await openHouse();
    const { providerSessionId } = await register({});
    const [one] = await store.providerSessions();
    for (let i = 1; i < 1000; i++)
      await store.addProviderSession({ ...one!, id: `pvs_${i}`, seenAt: clocks.now });
    expect(await code(register({}))).toBe("too_many_requests");
    expect((await register({ providerSessionId })).epoch).toBe(2);
    expect((await register({}, user("bob"))).epoch).toBe(1);
    expect(sessions.check(user("alice"), "pvs_999").ownerId).toBe("usr_alice");
  });

  it("that comes many times at once leaves the last one's llms", async () => {
    const { register, catalogue } = await openHouse();
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

describe("what an agent says of its llms", () => {
  it("is their status, and kept in memory beyond that", async () => {
    const { arrive, sessions, status, catalogue } = await openHouse();
    const { id, epoch } = await arrive({ providers: [provider("a"), provider("b")] });
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

  it("is that nobody may call them while it drains", async () => {
    const { arrive, sessions, status } = await openHouse();
    const { id } = await arrive({ providers: [provider("a")] });
    await sessions.report(id, { draining: true });
    expect([status("a"), sessions.isAttached(id)]).toEqual(["inactive", true]);
    await sessions.report(id, { draining: false, llms: { a: { status: "active" } } });
    expect(status("a")).toBe("active");
  });

  it("is written twenty times in ten seconds, and what changes more often with the next look (failure mode 71)", async () => {
    const { arrive, sessions, llmOf, status, catalogue, clocks } = await openHouse();
    const { id } = await arrive({ providers: [provider("a"), provider("b")] });
    const other = await arrive({ providers: [provider("theirs")] }, user("bob"));
    const { revision } = catalogue.snapshot;
    const written = async () => (await catalogue.store.changesSince(revision, 1000))?.length;
    const say = (status: "active" | "hibernating", inFlight = 0) =>
      sessions.report(id, { llms: { a: { status, inFlight } } });
    // What is no change of a status counts nothing.
    for (let n = 0; n < 100; n++) await say("active", n);
    for (let n = 0; n < 101; n++) await say(n % 2 === 0 ? "hibernating" : "active", n);
    expect([await written(), status("a")]).toEqual([20, "active"]);
    expect(sessions.llmState(llmOf(id, "a")!)).toMatchObject({ inFlight: 100 });
    // Another agent's is.
    await sessions.report(other.id, { llms: { theirs: { status: "inactive" } } });
    expect(status("theirs")).toBe("inactive");
    await sessions.checkLeases();
    expect(status("a")).toBe("hibernating");
    clocks.elapsed += 11_000;
    await say("active");
    expect(status("a")).toBe("active");
  });

  it("is passed over where it is not its to say, or nothing that is said (failure mode 71)", async () => {
    const { arrive, sessions, llmOf, status, errors } = await openHouse();
    const { id } = await arrive({ providers: [provider("a")] });
    await arrive({ providers: [provider("theirs")] }, user("bob"));
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
