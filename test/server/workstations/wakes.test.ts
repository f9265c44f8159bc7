import { expect, it } from "vitest";
import { Deadlines } from "../../../src/server/core/deadlines.ts";
import { readResult } from "../../../src/server/workstations/agent-result.ts";
import { LinkSession } from "../../../src/server/workstations/link-session.ts";
import { type AgentWake, Wakes } from "../../../src/server/workstations/wakes.ts";
import type { ServerEvent } from "../../../src/wire/link/messages.ts";
import { newestRevision } from "../../../src/wire/link/revisions/index.ts";
import { row } from "../../support/row.ts";
import { chatAnswer } from "../../support/upstream.ts";
import { callModel, connectBySocket, connectByStream, startPublisher } from "./scripted-agent.ts";

const asleep = [{ name: "home", initialStatus: "hibernating" as const }];
const finished = { status: 200, body: chatAnswer("") };

/** Creates wakes with one link, whose events the test reads. */
function startWakes() {
  const clock = { now: 0 };
  const events: ServerEvent[] = [];
  const begun: AgentWake[] = [];
  const over: string[] = [];
  const connection = {
    transport: "sse" as const,
    send: (event: ServerEvent) => void events.push(event),
    close() {},
  };
  const session = { id: "pvs_1", epoch: 1, revision: newestRevision } as ConstructorParameters<
    typeof LinkSession
  >[0];
  const principal = {} as ConstructorParameters<typeof LinkSession>[1];
  const link = new LinkSession(session, principal, connection, () => clock.now);
  const own = new Wakes({
    deadlines: new Deadlines(() => clock.now),
    elapsed: () => clock.now,
    linkOf: () => link,
    newTaskId: () => `task_${begun.length}`,
    onBegun: (task) => void begun.push(task),
    onOver: (_, how) => void over.push(how),
    setActive: async () => {},
  });
  const result = (body: object) => own.result(begun.at(-1)!, readResult(JSON.stringify(body)));
  return { own, clock, events, begun, over, result };
}

const llm = row("llm_1", "llm", "home");
const never = new AbortController().signal;
// biome-ignore lint/suspicious/noExplicitAny: tests read any field of an error
const failing = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => expect.fail(),
    (error) => error,
  );

it("a wake sends one task to the agent, however many callers wait (failure mode 11)", async () => {
  const alice = await startPublisher(asleep);
  const agent = await connectBySocket(alice);
  const calls = Array.from({ length: 4 }, () => callModel(alice));
  const wake = await agent.next("task");
  expect(wake).toEqual({ event: "task", kind: "wake", taskId: wake.taskId, llmName: "home" });
  agent.send({ op: "result", taskId: wake.taskId, status: 200, body: {} });
  for (const _ of calls) {
    const task = await agent.acceptNext();
    expect(task.kind).toBe("infer");
    agent.send({ op: "result", taskId: task.taskId, ...finished });
  }
  expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  // The llm is active at once, before its agent reports it.
  expect((await alice.call("GET", "/api/v1/llms/home")).body.status).toBe("active");
  const later = callModel(alice);
  const task = await agent.acceptNext();
  agent.send({ op: "result", taskId: task.taskId, ...finished });
  expect((await later).status).toBe(200);
  expect(agent.all.filter(({ kind }) => kind === "wake")).toHaveLength(1);
});

it("a failed wake tells its callers the reason, and the llm is not woken again for a while (failure mode 8)", async () => {
  const alice = await startPublisher(asleep);
  const agent = await connectByStream(alice);
  const called = callModel(alice);
  const wake = await agent.next("task");
  const error = { kind: "wake", message: "the command ended with 1: /home/alice/wake.sh at 10.0.0.7:8000" };
  await agent.post(wake, { error });
  const first = await called;
  expect(first.status).toBe(503);
  expect(first.response.headers.get("retry-after")).toBe("30");
  const text = await first.text();
  expect(text).toContain("the command ended with 1");
  expect(text).not.toMatch(/alice|10\.0\.0\.7/);
  const second = await callModel(alice);
  expect([second.status, await second.text()]).toEqual([503, expect.stringContaining("ended with 1")]);
  expect(agent.all.filter(({ event }) => event === "task")).toHaveLength(1);
});

it("a wake fails when its agent goes away, and may be tried again at once", async () => {
  const alice = await startPublisher(asleep);
  const agent = await connectBySocket(alice);
  const called = callModel(alice);
  await agent.next("task");
  agent.terminate();
  expect((await called).status).toBe(503);
  const back = await connectBySocket(alice);
  const again = callModel(alice);
  const { taskId } = await back.next("task");
  back.send({ op: "result", taskId, status: 200, body: {} });
  const task = await back.acceptNext();
  back.send({ op: "result", taskId: task.taskId, ...finished });
  expect((await again).status).toBe(200);
});

it("a wake goes on when its callers leave one by one (failure modes 12, 13)", async () => {
  const { own, begun, events, result } = startWakes();
  const leaving = new AbortController();
  const gone = failing(own.wake(llm, leaving.signal));
  const stays = own.wake(llm, never);
  leaving.abort();
  expect((await gone).code).toBe("client_closed_request");
  const last = new AbortController();
  const second = failing(own.wake(llm, last.signal));
  last.abort();
  await second;
  expect(events.map(({ event }) => event)).toEqual(["attached", "task"]);
  await result({ status: 200, body: {} });
  await stays;
  expect(begun).toHaveLength(1);
  // The last caller has left.
  const only = new AbortController();
  const none = failing(own.wake(llm, only.signal));
  only.abort();
  await none;
  expect(own.since(llm.id)).toBe(0);
  const joins = own.wake(llm, never);
  await result({ error: { kind: "wake", message: "no" } });
  expect((await failing(joins)).message).toBe('llm "home" could not be woken: no');
  expect(begun).toHaveLength(2);
});

it("a wake lets 32 callers wait (failure mode 14)", async () => {
  const { own, begun, result } = startWakes();
  const waiting = Array.from({ length: 32 }, () => own.wake(llm, never));
  const { code, retryAfter } = await failing(own.wake(llm, never));
  expect([code, retryAfter]).toEqual(["too_many_requests", 10]);
  await result({ chunk: { data: "", done: true } });
  await Promise.all(waiting);
  expect(begun).toHaveLength(1);
});

it("a failed wake is not tried again for 30 s on a monotonic clock (failure modes 8, 52)", async () => {
  const { own, clock, begun, result } = startWakes();
  const first = failing(own.wake(llm, never));
  await result({ status: 500, body: "no" });
  expect(await first).toMatchObject({ code: "unavailable", retryAfter: 30 });
  clock.now = 12_500;
  expect(await failing(own.wake(llm, never))).toMatchObject({ code: "unavailable", retryAfter: 18 });
  expect(begun).toHaveLength(1);
  clock.now = 30_000;
  const again = own.wake(llm, never);
  await result({ status: 200, body: {} });
  await again;
});

it("a wake that fails because its agent is busy may be tried again at once", async () => {
  const { own, begun, result } = startWakes();
  const first = failing(own.wake(llm, never));
  await result({ error: { kind: "draining", message: "" } });
  expect(await first).toMatchObject({ code: "unavailable", retryAfter: 5 });
  void own.wake(llm, never);
  expect(begun).toHaveLength(2);
});

it("a wake fails after 15 minutes, and the agent is told (failure mode 7)", async () => {
  const { own, clock, events, over } = startWakes();
  const waiting = failing(own.wake(llm, never));
  clock.now = 60_000;
  expect(own.since(llm.id)).toBe(60_000);
  clock.now = 15 * 60_000;
  expect((await waiting).message).toBe('llm "home" could not be woken: it took too long');
  expect(events.at(-1)).toEqual({ event: "cancel", taskId: "task_0" });
  expect(over).toEqual(["cancelled"]);
  expect(own.since(llm.id)).toBeUndefined();
});
