import { expect, it, onTestFinished } from "vitest";
import type { ProviderResponse } from "../../../src/net/pushed-response.ts";
import { adminPrincipal } from "../../../src/server/core/access/principals.ts";
import { BodyBudget } from "../../../src/server/core/body-budget.ts";
import { Deadlines } from "../../../src/server/core/deadlines.ts";
import { systemRandom } from "../../../src/server/core/ids.ts";
import { Snapshot } from "../../../src/server/core/store/snapshot.ts";
import type { NegotiatedSession } from "../../../src/server/workstations/provider-sessions.ts";
import { Workstations, type WorkstationsOptions } from "../../../src/server/workstations/workstations.ts";
import { encodeBytes } from "../../../src/wire/link/binary-frame.ts";
import { partBytes } from "../../../src/wire/link/constants.ts";
import type { AgentMessage, ServerEvent } from "../../../src/wire/link/messages.ts";
import type { LinkTransport } from "../../../src/wire/link/registration.ts";
import { negotiate } from "../../../src/wire/link/revisions/index.ts";
import { TurnShare } from "../../../src/wire/next-turn.ts";
import { row } from "../../support/row.ts";

const snapshot = new Snapshot({
  revision: 1,
  rows: [row("user_1", "user", "admin")],
  refs: [],
  bearers: [],
  sessions: [],
  withPassword: [],
  lastUsed: [],
} as ConstructorParameters<typeof Snapshot>[0]);
const alice = adminPrincipal(snapshot);
const llm = row("llm_1", "llm", "home", { status: { origin: "virtual", session: "pvs_1" } });
const timeouts = { connect: 1000, firstByte: 60_000, silence: 30_000 };

/** Starts workstations with a clock that the test sets, and with sessions that allow everything. */
function startWorkstations() {
  const clock = { now: 0 };
  type Listener = (sessionId: string, epoch: number) => void;
  const listeners: { superseded?: Listener; lapsed?: Listener } = {};
  const sessions = {
    onSuperseded: (listener: Listener) => {
      listeners.superseded = listener;
      return () => {};
    },
    onLapsed: (listener: Listener) => {
      listeners.lapsed = listener;
      return () => {};
    },
    attached: async () => {},
    detached: async () => {},
    renew() {},
    check: () => ({}),
    llmState: () => undefined,
  };
  const deadlines = new Deadlines(() => clock.now);
  const workstations = new Workstations({
    catalogue: { snapshot, subscribe: () => () => {} },
    sessions,
    bodies: new BodyBudget(new Deadlines()),
    deadlines,
    now: () => 0,
    elapsed: () => clock.now,
    random: systemRandom,
    // These tests look at what follows a message in the same turn.
    turnShare: new TurnShare(Number.POSITIVE_INFINITY),
  } as unknown as WorkstationsOptions);
  onTestFinished(() => workstations.close());

  /** Attaches an agent. */
  const attach = (
    transport: LinkTransport,
    { protocol = 2, epoch = 1, lastEpoch = undefined as number | undefined } = {},
  ) => {
    const events: ServerEvent[] = [];
    const closed: string[] = [];
    const session = { id: "pvs_1", epoch, revision: negotiate(protocol) } as NegotiatedSession;
    const receiver = workstations.open(
      { session, principal: alice, lastEpoch },
      {
        transport,
        send: (event) => void events.push(event),
        ...(transport === "websocket" && { sendBytes: () => {} }),
        close: (code) => void closed.push(String(code)),
      },
    );
    const of = <E extends ServerEvent["event"]>(name: E) =>
      events.filter((event): event is Extract<ServerEvent, { event: E }> => event.event === name);
    const send = (message: AgentMessage) => receiver.text(JSON.stringify(message));
    const task = () => of("task").at(-1) as Extract<ServerEvent, { kind: "infer" }>;
    return { receiver, events, closed, of, send, task };
  };
  const infer = (text = "{}") => {
    const caller = new AbortController();
    const call = { llm, operation: "chat", text, streaming: true, timeouts, hops: 1 } as const;
    const answered = workstations.infer({ ...call, signal: caller.signal });
    // The test reads the failure later.
    answered.catch(() => {});
    return { answered, caller };
  };
  const post = (taskId: string, result: object) =>
    workstations.posted.result(alice, taskId, async () =>
      JSON.stringify({ epoch: 1, attempt: 1, ...result }),
    );
  /** Returns when every deadline that has passed was noticed. */
  const checkDeadlines = () => new Promise<void>((resolve) => void deadlines.after(0, resolve));
  return { workstations, clock, listeners, attach, infer, post, checkDeadlines };
}

/** Reads a response. Returns the text so far, and a promise for its end or failure. */
function read(answer: ProviderResponse) {
  const got: Buffer[] = [];
  const over = new Promise<Error | undefined>((resolve) => {
    answer.pipe({ data: (bytes) => void got.push(bytes), end: () => resolve(undefined), error: resolve });
  });
  return { text: () => Buffer.concat(got).toString(), over };
}

// biome-ignore lint/suspicious/noExplicitAny: tests read any field of an error
const failing = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => expect.fail(),
    (error) => error,
  );
const kilobytes = (count: number) => new Uint8Array(count * 1024);

it("a call fails over after five seconds if its agent does not accept it (failure modes 1, 46)", async () => {
  const { workstations, clock, attach, infer, post } = startWorkstations();
  const agent = attach("websocket");
  const { answered } = infer();
  const { taskId, attempt } = agent.task();
  clock.now = 5000;
  expect(await failing(answered)).toMatchObject({
    code: "unavailable",
    message: 'llm "home" is not connected',
  });
  expect(agent.of("cancel")).toEqual([{ event: "cancel", taskId }]);
  agent.send({ op: "accept", taskId, attempt });
  expect(agent.of("accepted")).toMatchObject([{ granted: false }]);
  // The result comes too late: the agent is told that the task was cancelled.
  expect(await post(taskId, { seq: 1, frames: ["data: {}\n\n"] })).toMatchObject({ cancelled: true });
  expect(workstations.busy).toBe(0);
});

it("a call waits for the first byte as long as its llm allows, then for each next part (failure mode 37)", async () => {
  const { clock, attach, infer } = startWorkstations();
  const agent = attach("websocket");
  const [silent, stalled] = [infer(), infer()];
  for (const task of agent.of("task") as { taskId: string }[])
    agent.send({ op: "accept", taskId: task.taskId, attempt: 1 });
  clock.now = 59_000;
  agent.receiver.bytes(Buffer.from(encodeBytes(2, kilobytes(1))));
  const reading = read(await stalled.answered);
  clock.now = 60_000;
  expect(await failing(silent.answered)).toMatchObject({ kind: "timeout" });
  clock.now = 89_000;
  expect(await reading.over).toMatchObject({ kind: "timeout" });
  expect(agent.of("cancel")).toHaveLength(2);
});

it("a long request may take as long as its parts arrive; then the time for the first byte begins (failure mode 91)", async () => {
  const { clock, attach, infer, checkDeadlines } = startWorkstations();
  const agent = attach("websocket", { protocol: 3 });
  const { answered } = infer(JSON.stringify({ pad: "x".repeat(300_000) }));
  const { taskId, attempt, requestBytes = 0 } = agent.task();
  clock.now = 4000;
  agent.send({ op: "accept", taskId, attempt });
  for (let bytes = partBytes; bytes < requestBytes; bytes += partBytes) {
    if (bytes < 5 * partBytes) {
      clock.now += 40_000;
      await checkDeadlines();
    }
    agent.send({ op: "received", bytes });
  }
  clock.now += 59_000;
  await checkDeadlines();
  expect(agent.of("cancel")).toEqual([]);
  clock.now += 1_000;
  expect(await failing(answered)).toMatchObject({
    kind: "timeout",
    message: "no answer came from the agent in time",
  });
});

it("a long request whose parts no longer arrive fails after 45 s (failure mode 91)", async () => {
  const { clock, attach, infer } = startWorkstations();
  const agent = attach("websocket", { protocol: 3 });
  const { answered } = infer(JSON.stringify({ pad: "x".repeat(300_000) }));
  const { taskId, attempt } = agent.task();
  agent.send({ op: "accept", taskId, attempt });
  clock.now = 45_000;
  expect(await failing(answered)).toMatchObject({
    kind: "timeout",
    message: "the line to the agent stands still",
  });
  expect(agent.of("cancel")).toEqual([{ event: "cancel", taskId }]);
});

it("a call does not count silence while its caller holds it back (failure mode 27)", async () => {
  const { clock, attach, infer, checkDeadlines } = startWorkstations();
  const agent = attach("websocket");
  const { answered } = infer();
  agent.send({ op: "accept", taskId: agent.task().taskId, attempt: 1 });
  agent.receiver.bytes(Buffer.from(encodeBytes(1, kilobytes(256))));
  const answer = await answered;
  const reading = read(answer);
  answer.pause();
  agent.receiver.bytes(Buffer.from(encodeBytes(1, kilobytes(1))));
  for (let time = 0; time < 3; time++) {
    clock.now += 30_000;
    await checkDeadlines();
  }
  expect(answer.over).toBe(false);
  answer.resume();
  clock.now += 30_000;
  expect(await reading.over).toMatchObject({ kind: "timeout" });
});

it("an agent gets credit in parts as the caller reads (failure mode 27)", async () => {
  const { attach, infer } = startWorkstations();
  const agent = attach("websocket");
  const { answered } = infer();
  const { taskId } = agent.task();
  agent.send({ op: "accept", taskId, attempt: 1 });
  const send = (count: number) => agent.receiver.bytes(Buffer.from(encodeBytes(1, kilobytes(count))));
  const granted = () => agent.of("credit").map(({ bytes }) => bytes / 1024);
  send(63);
  expect(granted()).toEqual([]);
  send(1);
  expect(granted()).toEqual([64]);
  const answer = await answered;
  read(answer);
  answer.pause();
  send(200);
  send(56);
  expect(granted()).toEqual([64]);
  answer.resume();
  expect(granted()).toEqual([64, 256]);
  answer.pause();
  send(300);
  expect(agent.closed).toEqual([]);
  // One frame may be larger than the credit; the next one may not.
  send(1);
  expect(agent.closed).toEqual(["4400"]);
});

it("an agent that does not count credit may send more than its credit, up to a limit (failure mode 71)", async () => {
  const { workstations, attach, infer, post } = startWorkstations();
  const agent = attach("sse", { protocol: 1 });
  const { answered } = infer();
  const { taskId } = agent.task();
  const chunk = { chunk: { data: "x".repeat(1024 * 1024) } };
  const posts = [post(taskId, chunk)];
  const reading = read(await answered);
  (await answered).pause();
  for (let sent = 1; sent < 12; sent++) posts.push(post(taskId, chunk));
  expect(await reading.over).toMatchObject({ kind: "too-large" });
  expect(reading.text().length).toBeLessThan(10 * 1024 * 1024);
  expect(agent.closed).toHaveLength(1);
  expect(workstations.busy).toBe(0);
  await Promise.allSettled(posts);
});

it("a post is answered when the caller has read; an agent that was told of no credit gets a credit event (failure mode 27)", async () => {
  const { workstations, clock, attach, infer, post, checkDeadlines } = startWorkstations();
  const agent = attach("sse");
  const { answered } = infer();
  const { taskId } = agent.task();
  workstations.posted.accept(alice, taskId, 1, 1);
  const batch = (seq: number, count: number) =>
    post(taskId, { seq, frames: [`: ${"x".repeat(count * 1024)}\n\n`] });
  expect((await batch(1, 1)).credit).toBe(256 * 1024);
  const answer = await answered;
  read(answer);
  answer.pause();
  expect((await batch(2, 200)).credit).toBeLessThan(56 * 1024);
  let isAnswered = false;
  const held = batch(3, 100).then((response) => {
    isAnswered = true;
    return response;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isAnswered).toBe(false);
  clock.now = 5000;
  expect(await held).toMatchObject({ ackSeq: 3, credit: 0, cancelled: false });
  expect(agent.of("credit")).toEqual([]);
  // The credit event waits, so that it does not overtake the answer to the post.
  answer.resume();
  expect(agent.of("credit")).toEqual([]);
  clock.now = 6000;
  await checkDeadlines();
  expect(agent.of("credit")[0]!.bytes).toBeGreaterThan(300 * 1024);
  expect((await batch(4, 1)).credit).toBe(256 * 1024);
  // An empty batch asks for credit and needs none.
  answer.pause();
  await batch(5, 255);
  const last = batch(6, 10);
  const empty = post(taskId, { seq: 7, frames: [] });
  answer.resume();
  expect([(await last).credit, (await empty).credit]).toEqual([256 * 1024, 256 * 1024]);
  expect(agent.closed).toEqual([]);
});

it("a posted response waits 15 s for its agent to attach again (failure modes 31, 67)", async () => {
  const { workstations, clock, attach, infer } = startWorkstations();
  const agent = attach("sse");
  const [first, second] = [infer(), infer()];
  for (const task of agent.of("task") as { taskId: string }[])
    workstations.posted.accept(alice, task.taskId, 1, 1);
  agent.receiver.closed();
  expect(workstations.attached).toEqual({ websocket: 0, sse: 0 });
  expect(await failing(infer().answered)).toMatchObject({ code: "unavailable", retryAfter: 5 });
  clock.now = 14_000;
  const back = attach("sse", { epoch: 2, lastEpoch: 1 });
  clock.now = 15_000;
  first.caller.abort();
  await failing(first.answered);
  expect(back.of("cancel")).toHaveLength(1);
  back.receiver.closed();
  clock.now = 30_000;
  // No byte has come, so the call may fail over.
  expect(await failing(second.answered)).toMatchObject({ kind: "closed" });
});

it("a session belongs to the stream with the highest epoch, in whatever order two streams open (failure mode 44)", async () => {
  const { workstations, attach, infer } = startWorkstations();
  const winner = attach("sse", { epoch: 3 });
  const late = attach("websocket", { epoch: 2 });
  expect(late.of("revoked")).toHaveLength(1);
  expect([late.closed, winner.closed]).toEqual([["4409"], []]);
  late.receiver.closed();
  expect(workstations.attached).toEqual({ websocket: 0, sse: 1 });
  infer();
  expect(winner.task()).toBeDefined();
});

it("a link is closed when another process registers, and when its lease ends", async () => {
  const { listeners, attach, infer } = startWorkstations();
  const old = attach("websocket", { epoch: 4 });
  const { answered } = infer();
  listeners.superseded?.("pvs_1", 4);
  expect(old.closed).toEqual([]);
  listeners.superseded?.("pvs_1", 5);
  expect(old.closed).toEqual(["4409"]);
  expect(await failing(answered)).toMatchObject({ code: "unavailable" });
  const quiet = attach("sse", { epoch: 6 });
  listeners.lapsed?.("pvs_1", 5);
  expect(quiet.closed).toEqual([]);
  listeners.lapsed?.("pvs_1", 6);
  expect(quiet.closed).toEqual(["1001"]);
  expect(quiet.of("revoked")).toEqual([]);
});

it("an offer fails over when its agent comes back over a WebSocket, and accepted calls are still posted", async () => {
  const { workstations, attach, infer, post } = startWorkstations();
  const agent = attach("sse");
  const [accepted, offered] = [infer(), infer()];
  const { taskId } = agent.of("task")[0] as { taskId: string };
  workstations.posted.accept(alice, taskId, 1, 1);
  const back = attach("websocket", { epoch: 2, lastEpoch: 1 });
  expect(agent.closed).toEqual(["1000"]);
  expect(await failing(offered.answered)).toMatchObject({ code: "unavailable" });
  expect(back.of("task")).toEqual([]);
  await post(taskId, { seq: 1, frames: ["data: {}\n\n"], done: true });
  const reading = read(await accepted.answered);
  expect(await reading.over).toBeUndefined();
  expect(reading.text()).toBe("data: {}\n\n");
});

it("posted calls end when another process takes the session, also if their stream had closed before (failure mode 3)", async () => {
  const { workstations, listeners, attach, infer } = startWorkstations();
  const killed = attach("sse");
  const { answered } = infer();
  workstations.posted.accept(alice, (killed.task() as { taskId: string }).taskId, 1, 1);
  killed.receiver.closed();
  listeners.superseded?.("pvs_1", 2);
  expect(await failing(answered)).toMatchObject({ kind: "closed" });
});
