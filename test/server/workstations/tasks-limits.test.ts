import { expect, it, onTestFinished } from "vitest";
import type { ProviderResponse } from "../../../src/net/pushed-response.ts";
import { adminPrincipal } from "../../../src/server/core/access/principals.ts";
import { Deadlines } from "../../../src/server/core/deadlines.ts";
import { systemRandom } from "../../../src/server/core/ids.ts";
import { Snapshot } from "../../../src/server/core/store/snapshot.ts";
import type { NegotiatedSession } from "../../../src/server/workstations/provider-sessions.ts";
import { Workstations, type WorkstationsOptions } from "../../../src/server/workstations/workstations.ts";
import { encodeBytes } from "../../../src/wire/link/binary-frame.ts";
import type { AgentMessage, ServerEvent } from "../../../src/wire/link/messages.ts";
import type { LinkTransport } from "../../../src/wire/link/registration.ts";
import { negotiate } from "../../../src/wire/link/revisions/index.ts";
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

/** Workstations over a clock of the test's own, with sessions that agree to everything. */
function links() {
  const clock = { now: 0 };
  type Listener = (sessionId: string, epoch: number) => void;
  const told: { superseded?: Listener; lapsed?: Listener } = {};
  const sessions = {
    onSuperseded: (listener: Listener) => {
      told.superseded = listener;
      return () => {};
    },
    onLapsed: (listener: Listener) => {
      told.lapsed = listener;
      return () => {};
    },
    attached: async () => {},
    detached: async () => {},
    renew() {},
    check: () => ({}),
    llmState: () => undefined,
  };
  const own = new Workstations({
    catalogue: { snapshot, subscribe: () => () => {} },
    sessions,
    deadlines: new Deadlines(() => clock.now),
    now: () => 0,
    elapsed: () => clock.now,
    random: systemRandom,
  } as unknown as WorkstationsOptions);
  onTestFinished(() => own.close());

  /** An agent that has attached. */
  const attach = (
    transport: LinkTransport,
    { protocol = 2, epoch = 1, lastEpoch = undefined as number | undefined } = {},
  ) => {
    const events: ServerEvent[] = [];
    const closed: string[] = [];
    const session = { id: "pvs_1", epoch, revision: negotiate(protocol) } as NegotiatedSession;
    const up = own.open(
      { session, principal: alice, lastEpoch },
      {
        transport,
        send: (event) => void events.push(event),
        close: (code) => void closed.push(String(code)),
      },
    );
    const of = <E extends ServerEvent["event"]>(name: E) =>
      events.filter((event): event is Extract<ServerEvent, { event: E }> => event.event === name);
    const say = (message: AgentMessage) => up.text(JSON.stringify(message));
    const task = () => of("task").at(-1) as Extract<ServerEvent, { kind: "infer" }>;
    return { up, events, closed, of, say, task };
  };
  const infer = () => {
    const caller = new AbortController();
    const call = { llm, operation: "chat", text: "{}", streaming: true, timeouts } as const;
    const answered = own.infer({ ...call, signal: caller.signal });
    // Looked at later.
    answered.catch(() => {});
    return { answered, caller };
  };
  const post = (taskId: string, result: object) =>
    own.posted.result(alice, taskId, async () => JSON.stringify({ epoch: 1, attempt: 1, ...result }));
  return { own, clock, told, attach, infer, post };
}

/** A reader that takes all, and what became of the answer. */
function read(answer: ProviderResponse) {
  const got: Buffer[] = [];
  const over = new Promise<Error | undefined>((resolve) => {
    answer.pipe({ data: (bytes) => void got.push(bytes), end: () => resolve(undefined), error: resolve });
  });
  return { text: () => Buffer.concat(got).toString(), over };
}

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever was thrown
const failing = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => expect.fail(),
    (error) => error,
  );
const kilobytes = (count: number) => new Uint8Array(count * 1024);

it("gives an agent five seconds to accept, and then asks elsewhere (failure modes 1, 46)", async () => {
  const { own, clock, attach, infer, post } = links();
  const agent = attach("websocket");
  const { answered } = infer();
  const { taskId, attempt } = agent.task();
  clock.now = 5000;
  expect(await failing(answered)).toMatchObject({
    code: "unavailable",
    message: 'llm "home" is not connected',
  });
  expect(agent.of("cancel")).toEqual([{ event: "cancel", taskId }]);
  agent.say({ op: "accept", taskId, attempt });
  expect(agent.of("accepted")).toMatchObject([{ granted: false }]);
  // Its answer comes too late: nobody reads it, and it is told so.
  expect(await post(taskId, { seq: 1, frames: ["data: {}\n\n"] })).toMatchObject({ cancelled: true });
  expect(own.busy).toBe(0);
});

it("waits for the first byte as long as the llm may take, and then between two (failure mode 37)", async () => {
  const { clock, attach, infer } = links();
  const agent = attach("websocket");
  const [silent, stalled] = [infer(), infer()];
  for (const task of agent.of("task") as { taskId: string }[])
    agent.say({ op: "accept", taskId: task.taskId, attempt: 1 });
  clock.now = 59_000;
  agent.up.bytes(Buffer.from(encodeBytes(2, kilobytes(1))));
  const reading = read(await stalled.answered);
  clock.now = 60_000;
  expect(await failing(silent.answered)).toMatchObject({ kind: "timeout" });
  clock.now = 89_000;
  expect(await reading.over).toMatchObject({ kind: "timeout" });
  expect(agent.of("cancel")).toHaveLength(2);
});

it("counts no silence while the caller is what is waited for (failure mode 27)", async () => {
  const { clock, attach, infer } = links();
  const agent = attach("websocket");
  const { answered } = infer();
  agent.say({ op: "accept", taskId: agent.task().taskId, attempt: 1 });
  agent.up.bytes(Buffer.from(encodeBytes(1, kilobytes(256))));
  const answer = await answered;
  const reading = read(answer);
  answer.pause();
  agent.up.bytes(Buffer.from(encodeBytes(1, kilobytes(1))));
  for (let time = 0; time < 3; time++) {
    clock.now += 30_000;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(answer.over).toBe(false);
  answer.resume();
  clock.now += 30_000;
  expect(await reading.over).toMatchObject({ kind: "timeout" });
});

it("grants credit as the caller reads, in parts (failure mode 27)", async () => {
  const { attach, infer } = links();
  const agent = attach("websocket");
  const { answered } = infer();
  const { taskId } = agent.task();
  agent.say({ op: "accept", taskId, attempt: 1 });
  const send = (count: number) => agent.up.bytes(Buffer.from(encodeBytes(1, kilobytes(count))));
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
  // One frame more than there was credit for was the slack.
  send(1);
  expect(agent.closed).toEqual(["4400"]);
});

it("lets an agent that knows nothing of credit go further, and not without end (failure mode 71)", async () => {
  const { own, attach, infer, post } = links();
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
  expect(own.busy).toBe(0);
  await Promise.allSettled(posts);
});

it("answers a post when there is room again, or tells of it when the agent was told of none (failure mode 27)", async () => {
  const { own, clock, attach, infer, post } = links();
  const agent = attach("sse");
  const { answered } = infer();
  const { taskId } = agent.task();
  own.posted.accept(alice, taskId, 1, 1);
  const batch = (seq: number, count: number) =>
    post(taskId, { seq, frames: [`: ${"x".repeat(count * 1024)}\n\n`] });
  expect((await batch(1, 1)).credit).toBe(256 * 1024);
  const answer = await answered;
  read(answer);
  answer.pause();
  expect((await batch(2, 200)).credit).toBeLessThan(56 * 1024);
  let isAnswered = false;
  const held = batch(3, 100).then((told) => {
    isAnswered = true;
    return told;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isAnswered).toBe(false);
  clock.now = 5000;
  expect(await held).toMatchObject({ ackSeq: 3, credit: 0, cancelled: false });
  expect(agent.of("credit")).toEqual([]);
  // So that it does not come before that answer.
  answer.resume();
  expect(agent.of("credit")).toEqual([]);
  clock.now = 6000;
  while (agent.of("credit").length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(agent.of("credit")[0]!.bytes).toBeGreaterThan(300 * 1024);
  expect((await batch(4, 1)).credit).toBe(256 * 1024);
  // An empty one asks, and is no more than there was credit for.
  answer.pause();
  await batch(5, 255);
  const last = batch(6, 10);
  const asked = post(taskId, { seq: 7, frames: [] });
  answer.resume();
  expect([(await last).credit, (await asked).credit]).toEqual([256 * 1024, 256 * 1024]);
  expect(agent.closed).toEqual([]);
});

it("waits 15 s for the agent of posted answers to attach again (failure modes 31, 67)", async () => {
  const { own, clock, attach, infer } = links();
  const agent = attach("sse");
  const [first, second] = [infer(), infer()];
  for (const task of agent.of("task") as { taskId: string }[]) own.posted.accept(alice, task.taskId, 1, 1);
  agent.up.closed();
  expect(own.attached).toEqual({ websocket: 0, sse: 0 });
  expect(await failing(infer().answered)).toMatchObject({ code: "unavailable", retryAfter: 5 });
  clock.now = 14_000;
  const back = attach("sse", { epoch: 2, lastEpoch: 1 });
  clock.now = 15_000;
  first.caller.abort();
  await failing(first.answered);
  expect(back.of("cancel")).toHaveLength(1);
  back.up.closed();
  clock.now = 30_000;
  // Nothing had come: somebody else may be asked.
  expect(await failing(second.answered)).toMatchObject({ kind: "closed" });
});

it("is the session's last, whichever of two opens first (failure mode 44)", async () => {
  const { own, attach, infer } = links();
  const winner = attach("sse", { epoch: 3 });
  const late = attach("websocket", { epoch: 2 });
  expect(late.of("revoked")).toHaveLength(1);
  expect([late.closed, winner.closed]).toEqual([["4409"], []]);
  late.up.closed();
  expect(own.attached).toEqual({ websocket: 0, sse: 1 });
  infer();
  expect(winner.task()).toBeDefined();
});

it("is closed when another process registers, and when its lease is over", async () => {
  const { told, attach, infer } = links();
  const old = attach("websocket", { epoch: 4 });
  const { answered } = infer();
  told.superseded?.("pvs_1", 4);
  expect(old.closed).toEqual([]);
  told.superseded?.("pvs_1", 5);
  expect(old.closed).toEqual(["4409"]);
  expect(await failing(answered)).toMatchObject({ code: "unavailable" });
  const quiet = attach("sse", { epoch: 6 });
  told.lapsed?.("pvs_1", 5);
  expect(quiet.closed).toEqual([]);
  told.lapsed?.("pvs_1", 6);
  expect(quiet.closed).toEqual(["1001"]);
  expect(quiet.of("revoked")).toEqual([]);
});

it("asks elsewhere for what was on offer when an agent comes back by a WebSocket, and lets the rest be posted", async () => {
  const { own, attach, infer, post } = links();
  const agent = attach("sse");
  const [accepted, offered] = [infer(), infer()];
  const { taskId } = agent.of("task")[0] as { taskId: string };
  own.posted.accept(alice, taskId, 1, 1);
  const back = attach("websocket", { epoch: 2, lastEpoch: 1 });
  expect(agent.closed).toEqual(["1000"]);
  expect(await failing(offered.answered)).toMatchObject({ code: "unavailable" });
  expect(back.of("task")).toEqual([]);
  await post(taskId, { seq: 1, frames: ["data: {}\n\n"], done: true });
  const reading = read(await accepted.answered);
  expect(await reading.over).toBeUndefined();
  expect(reading.text()).toBe("data: {}\n\n");
});

it("takes what was posted along with the process that posted it, also when it was cut off before (failure mode 3)", async () => {
  const { own, told, attach, infer } = links();
  const killed = attach("sse");
  const { answered } = infer();
  own.posted.accept(alice, (killed.task() as { taskId: string }).taskId, 1, 1);
  killed.up.closed();
  told.superseded?.("pvs_1", 2);
  expect(await failing(answered)).toMatchObject({ kind: "closed" });
});
