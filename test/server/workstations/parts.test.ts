import { describe, expect, it } from "vitest";
import { closeCodes, partBytes } from "../../../src/wire/link/constants.ts";
import { chatAnswer } from "../../support/upstream.ts";
import {
  callModel,
  connectBySocket,
  connectByStream,
  type Event,
  type SocketAgent,
  startPublisher,
  waitUntil,
} from "./scripted-agent.ts";

const start = () => startPublisher([{ name: "home", initialStatus: "active" }], { protocol: 3 });

const long = (megabytes: number) => ({
  messages: [{ role: "user", content: "x".repeat(megabytes * 1024 * 1024) }],
});

/** Takes the next task, accepts it and reads its request to the end. */
async function readRequest(agent: SocketAgent): Promise<Event> {
  const task = await agent.acceptNext();
  await waitUntil(() => agent.bytesOf(task.channel).length === task.requestBytes);
  return { ...task, request: JSON.parse(agent.bytesOf(task.channel).toString()) };
}

const answer = (agent: SocketAgent, { taskId }: Event) =>
  agent.send({ op: "result", taskId, attempt: 1, status: 200, body: chatAnswer("") });

describe("a long request to an agent of revision 3", () => {
  it("follows its task in parts, as fast as the agent says that they arrive (failure mode 91)", async () => {
    const alice = await start();
    const agent = await connectBySocket(alice);
    agent.acknowledges = false;
    const called = callModel(alice, long(1));
    const task = await agent.next("task");
    expect(task.request).toBeUndefined();
    expect(task.requestBytes).toBeGreaterThan(1024 * 1024);
    await waitUntil(() => agent.bytesOf(task.channel).length > 0);
    // A short call goes in between: its task, its acceptance and its answer.
    const short = callModel(alice);
    const between = await agent.acceptNext();
    expect(between).toMatchObject({ granted: true, request: { model: "local" } });
    answer(agent, between);
    expect((await short).status).toBe(200);
    expect(agent.bytesOf(task.channel).length).toBeLessThan(256 * 1024);

    agent.send({ op: "accept", taskId: task.taskId, attempt: 1 });
    expect((await agent.next("accepted")).granted).toBe(true);
    agent.acknowledges = true;
    agent.acknowledge();
    await waitUntil(() => agent.bytesOf(task.channel).length === task.requestBytes);
    const request = JSON.parse(agent.bytesOf(task.channel).toString());
    expect(request.messages[0].content).toHaveLength(1024 * 1024);
    expect(agent.largestFrame()).toBeLessThanOrEqual(partBytes);
    answer(agent, task);
    expect((await called).status).toBe(200);
  });

  it("is shared fairly among several", async () => {
    const alice = await start();
    const agent = await connectBySocket(alice);
    const calls = [callModel(alice, long(1)), callModel(alice, long(1))];
    const tasks = [await readRequest(agent), await readRequest(agent)];
    for (const task of tasks) answer(agent, task);
    for (const call of calls) expect((await call).status).toBe(200);
  });

  it("stops when its caller leaves", async () => {
    const alice = await start();
    const agent = await connectBySocket(alice);
    agent.acknowledges = false;
    const leaving = new AbortController();
    const called = callModel(alice, long(1), undefined, leaving).catch(() => "left");
    const task = await agent.acceptNext();
    await waitUntil(() => agent.bytesOf(task.channel).length > 0);
    leaving.abort();
    await agent.next("cancel");
    expect(await called).toBe("left");
    const had = agent.bytesOf(task.channel).length;
    agent.acknowledges = true;
    agent.acknowledge();
    const next = callModel(alice, long(0.125));
    answer(agent, await readRequest(agent));
    expect((await next).status).toBe(200);
    expect(agent.bytesOf(task.channel).length).toBe(had);
  });

  it("is in the acceptance where the agent posts", async () => {
    const alice = await start();
    const agent = await connectByStream(alice);
    const called = callModel(alice, long(0.125));
    const task = await agent.next("task");
    expect([task.request, task.requestBytes]).toEqual([undefined, undefined]);
    const { body } = await agent.accept(task);
    expect(body.request.messages[0].content).toHaveLength(0.125 * 1024 * 1024);
    await agent.post(task, { status: 200, body: chatAnswer("") });
    expect((await called).status).toBe(200);
  });
});

it("an agent that reports more bytes than it was sent is cut off (failure mode 71)", async () => {
  const agent = await connectBySocket(await start());
  agent.send({ op: "received", bytes: 1 });
  expect((await agent.closed).code).toBe(closeCodes.malformed);
});

it("a report of bytes from an agent of an older revision is ignored", async () => {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  agent.send({ op: "received", bytes: 1 });
  const called = callModel(alice);
  answer(agent, await agent.acceptNext());
  expect((await called).status).toBe(200);
});

describe("a whole response in parts", () => {
  const body = `{"id":"x", "created":12345678901234567890,"choices":[{"message":{}}],"pad":"${"ü".repeat(600_000)}"}`;

  it("comes over a WebSocket as it is, and the agent hears what has arrived (failure mode 91)", async () => {
    const alice = await start();
    const agent = await connectBySocket(alice);
    const called = callModel(alice);
    const task = await agent.acceptNext();
    agent.send({ op: "head", taskId: task.taskId, attempt: 1, status: 200, contentType: "application/json" });
    const bytes = Buffer.from(body);
    for (let at = 0; at < bytes.length; at += 10_001)
      agent.sendBytes(task.channel, bytes.subarray(at, at + 10_001));
    agent.send({ op: "done", taskId: task.taskId, attempt: 1 });
    const { status, response, text } = await called;
    expect([status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
    expect(await text()).toBe(body);
    const reports = agent.all.filter(({ event }) => event === "received").map((event) => event.bytes);
    expect(reports.length).toBeGreaterThan(100);
    expect(reports.at(-1)).toBeGreaterThan(bytes.length - partBytes);
  });

  it("comes by POSTs as it is", async () => {
    const alice = await start();
    const agent = await connectByStream(alice);
    const called = callModel(alice);
    const task = await agent.next("task");
    await agent.accept(task);
    const head = { status: 429, contentType: "text/html", retryAfter: 77 };
    expect((await agent.post(task, { seq: 1, head, frames: ['{"a":'] })).body).toMatchObject({ ackSeq: 1 });
    // No line ends are added, as they are to events.
    await agent.post(task, { seq: 2, frames: ["", '"b"}'], done: true });
    const { status, response, text } = await called;
    expect([status, response.headers.get("retry-after")]).toEqual([429, "77"]);
    expect(await text()).toContain('{\\"a\\":\\"b\\"}');
  });

  it("that breaks off is an error, and not half a response", async () => {
    const alice = await start();
    const agent = await connectBySocket(alice);
    const called = callModel(alice);
    const task = await agent.acceptNext();
    agent.send({ op: "head", taskId: task.taskId, attempt: 1, status: 200 });
    agent.sendBytes(task.channel, '{"choices":[');
    agent.send({ op: "result", taskId: task.taskId, attempt: 1, error: { kind: "closed", message: "gone" } });
    const { status, text } = await called;
    expect(status).toBe(502);
    expect(await text()).not.toContain('"choices"');
  });

  it.each([99, 600, "200", undefined])(
    "with the status %s ends the link (failure mode 71)",
    async (status) => {
      const alice = await start();
      const agent = await connectBySocket(alice);
      const called = callModel(alice);
      const { taskId } = await agent.acceptNext();
      agent.send({ op: "head", taskId, attempt: 1, status });
      expect((await agent.closed).code).toBe(closeCodes.malformed);
      expect((await called).status).toBe(503);
    },
  );
});
