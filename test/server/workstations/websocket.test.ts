import { expect, it } from "vitest";
import { testServer } from "../../support/server.ts";
import { chatAnswer, chatFrames } from "../../support/upstream.ts";
import {
  callModel,
  connectBySocket,
  register,
  startPublisher,
  startResponseBySocket,
} from "./scripted-agent.ts";

const frames = chatFrames(["Hel", "lo 🦊"], false);
const done = frames.at(-1)!;

it("a WebSocket streams a provider's bytes as they are, wherever they are cut (failure modes 54, 55)", async () => {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  const called = callModel(alice, { stream: true });
  const task = await agent.acceptNext();
  expect(task).toMatchObject({
    kind: "infer",
    llmName: "home",
    operation: "chat",
    streaming: true,
    attempt: 1,
    channel: 1,
    granted: true,
    request: { model: "local", messages: [{ role: "user", content: "hi" }], stream: true },
  });
  const sent = `: ping\r\n\r\nid: 7\r\n${frames.join("")}`;
  const bytes = Buffer.from(sent);
  for (let at = 0; at < bytes.length; at += 7) agent.sendBytes(task.channel, bytes.subarray(at, at + 7));
  agent.send({ op: "done", taskId: task.taskId, attempt: 1 });
  const { status, text } = await called;
  expect(status).toBe(200);
  const got = await text();
  expect(got).toContain("lo 🦊");
  expect(got.match(/data: /g)).toHaveLength(frames.length);
  expect(got.endsWith(done)).toBe(true);
  expect(agent.all.filter(({ event }) => event === "cancel")).toEqual([]);
});

it("a WebSocket passes a whole response on with every digit", async () => {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  const called = callModel(alice);
  const task = await agent.acceptNext();
  expect(task.streaming).toBe(false);
  const body = `{"id":"x", "created":12345678901234567890,"choices":[{"message":{}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`;
  agent.send(`{"op":"result","taskId":"${task.taskId}","attempt":1,"status":200,"body":${body}}`);
  const { status, text } = await called;
  expect([status, await text()]).toEqual([200, body]);
});

it("a large response comes whole, before what its agent sends and does after it (T60)", async () => {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  const called = [callModel(alice), callModel(alice)];
  const tasks = [await agent.acceptNext(), await agent.acceptNext()];
  const large = `{"choices":[{"message":{"content":"${"x".repeat(3_000_000)}"}}]}`;
  for (const { taskId } of tasks)
    agent.send(`{"op":"result","taskId":"${taskId}","attempt":1,"status":200,"body":${large}}`);
  // The agent leaves while they are read.
  agent.close();
  for (const call of called) {
    const { status, text } = await call;
    expect([status, (await text()).length]).toEqual([200, large.length]);
  }
});

it("a large message holds memory while it is read; an agent that has more of them than its user may is cut off (T256)", async () => {
  const server = await testServer({ bodies: { most: 8 * 1024 * 1024 } });
  const alice = await startPublisher([{ name: "home" }], { server });
  const greedy = await connectBySocket(alice);
  greedy.send({ op: "heartbeat", state: { x: "x".repeat(5_000_000) } });
  expect(await greedy.closed).toMatchObject({ code: 1013 });
  const agent = await connectBySocket(alice);
  const called = callModel(alice);
  const { taskId } = await agent.acceptNext();
  const body = { choices: [{ message: { content: "x".repeat(3_000_000) } }] };
  agent.send({ op: "result", taskId, attempt: 1, status: 200, body });
  expect((await called).status).toBe(200);
  const held = /^mcpctl_large_body_bytes\{body="request"\} (\d+)$/m;
  expect(held.exec((await server.admin("GET", "/metrics")).text)?.[1]).toBe("0");
});

it.each([
  ["a heartbeat", (text: string) => `{"op":"heartbeat","x":"${text}"}`],
  [
    "no JSON",
    (text: string) => `{"op":"result","taskId":"t","attempt":1,"status":2oo,"body":{"x":"${text}"}}`,
  ],
  [
    "a result with more than its body",
    (text: string) => `{"op":"result","y":[${"{},".repeat(100_001)}"${text}"]}`,
  ],
])("a WebSocket is closed on a large message that is %s (failure mode 71)", async (_, message) => {
  const agent = await connectBySocket(await startPublisher());
  agent.send(message("x".repeat(2_000_000)));
  agent.send({ op: "heartbeat" });
  expect((await agent.closed).code).toBe(4400);
});

it("a WebSocket passes a provider's error on with its status and retry-after", async () => {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  const called = callModel(alice, { max_tokens: 3 });
  const bad = await agent.acceptNext();
  const body = { error: { message: "the prompt is too long", type: "invalid_request_error" } };
  agent.send({ op: "result", taskId: bad.taskId, status: 400, body });
  const { status, text } = await called;
  expect([status, await text()]).toEqual([400, expect.stringContaining("the prompt is too long")]);
  const next = callModel(alice);
  const busy = await agent.acceptNext();
  agent.send({ op: "result", taskId: busy.taskId, status: 429, body: "slow down", retryAfter: 77 });
  const { status: second, response } = await next;
  expect([second, response.headers.get("retry-after")]).toEqual([429, "77"]);
});

it("a long request is sent with the acceptance only", async () => {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  const content = "x".repeat(6 * 1024 * 1024);
  const called = callModel(alice, { messages: [{ role: "user", content }] });
  const offered = await agent.next("task");
  expect(offered.request).toBeUndefined();
  agent.send({ op: "accept", taskId: offered.taskId, attempt: 1 });
  const { granted, request } = await agent.next("accepted");
  expect(granted).toBe(true);
  expect(request.messages[0].content).toHaveLength(content.length);
  agent.send({ op: "result", taskId: offered.taskId, status: 200, body: chatAnswer("") });
  expect((await called).status).toBe(200);
});

it("an attempt is granted once, and no attempt that was not offered", async () => {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  const called = callModel(alice);
  const { taskId } = await agent.next("task");
  agent.send({ op: "accept", taskId, attempt: 2 });
  expect((await agent.next("accepted")).granted).toBe(false);
  agent.send({ op: "accept", taskId, attempt: 1 });
  expect((await agent.next("accepted")).granted).toBe(true);
  agent.send({ op: "result", taskId, attempt: 1, status: 200, body: chatAnswer("") });
  expect((await called).status).toBe(200);
  agent.send({ op: "accept", taskId, attempt: 1 });
  expect((await agent.next("accepted")).granted).toBe(false);
});

it("an agent is told at once when the caller has gone, before and during the response (failure modes 28, 29, 30)", async () => {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  const early = new AbortController();
  const before = callModel(alice, { stream: true }, undefined, early).catch(() => "left");
  const first = await agent.acceptNext();
  let started = performance.now();
  early.abort();
  expect((await agent.next("cancel")).taskId).toBe(first.taskId);
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(await before).toBe("left");

  const within = callModel(alice, { stream: true });
  const second = await agent.acceptNext();
  agent.sendBytes(second.channel, frames[0]!);
  const { abort } = await within;
  started = performance.now();
  abort();
  expect((await agent.next("cancel")).taskId).toBe(second.taskId);
  expect(performance.now() - started).toBeLessThan(10_000);

  // Frames that were on their way are dropped, also the end of the response.
  for (const task of [first, second]) {
    agent.sendBytes(task.channel, frames.join(""));
    agent.send({ op: "done", taskId: task.taskId, attempt: 1 });
  }
  const after = callModel(alice, { stream: true });
  const third = await agent.acceptNext();
  agent.sendBytes(third.channel, frames.join(""));
  agent.send({ op: "done", taskId: third.taskId, attempt: 1 });
  expect(await (await after).text()).toBe(frames.join(""));
  expect(agent.all.filter(({ event }) => event === "cancel")).toHaveLength(2);
});

it("an agent whose caller does not read gets no more credit (failure mode 27)", async () => {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  const called = callModel(alice, { stream: true });
  const task = await agent.acceptNext();
  const chunk = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "y".repeat(32_000) } }] })}\n\n`;
  let credit = 256 * 1024;
  let sent = 0;
  const granted = () =>
    agent.all.filter(({ event }) => event === "credit").reduce((sum, { bytes }) => sum + bytes, 0);
  const send = () => {
    agent.sendBytes(task.channel, chunk);
    sent += chunk.length;
    credit -= chunk.length;
  };
  send();
  const { response } = await called;
  // An agent that keeps to its credit stops long before the end of its response.
  let known = 0;
  const idle = async () => {
    // Each round trip shows that the server has read everything before it.
    for (let round = 0; round < 200; round++) {
      agent.send({ op: "accept", taskId: "none", attempt: 1 });
      await agent.next("accepted");
      if (granted() > known) return false;
    }
    return true;
  };
  for (;;) {
    while (credit > 0) send();
    if (await idle()) break;
    credit += granted() - known;
    known = granted();
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  }
  // The agent gets credit again as soon as the caller reads.
  const reader = response.body!.getReader();
  while (granted() === known) await reader.read();
  agent.sendBytes(task.channel, frames.slice(-2).join(""));
  agent.send({ op: "done", taskId: task.taskId, attempt: 1 });
  let last = "";
  for (let read = await reader.read(); !read.done; read = await reader.read())
    last = last.slice(-100) + Buffer.from(read.value).toString();
  expect(last.endsWith(done)).toBe(true);
  expect(agent.all.filter(({ event }) => event === "cancel")).toEqual([]);
});

it("an agent that sends more than its credit is cut off, and its call ends (failure modes 27, 53, 71, T84)", async () => {
  const { agent, task, text } = await startResponseBySocket(frames[0]!);
  // One frame may be larger than the credit.
  const content = "z".repeat(1024 * 1024);
  for (let i = 0; i < 40; i++)
    agent.sendBytes(task.channel, `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`);
  expect(await agent.closed).toEqual({ code: 4400, reason: "more was sent than there was credit for" });
  const got = await text();
  expect(got).toMatch(/"error"/);
  expect(got.length).toBeLessThan(20 * content.length);
});

it("a chunk of 1 MB is taken, and one of 9 MB closes the link (failure mode 53, T137)", async () => {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  const called = callModel(alice, { stream: true });
  const task = await agent.acceptNext();
  const content = "z".repeat(1024 * 1024);
  agent.sendBytes(
    task.channel,
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`,
  );
  const { response } = await called;
  const reader = response.body!.getReader();
  let length = 0;
  while (length < content.length) length += (await reader.read()).value!.length;
  agent.sendFrame(new Uint8Array(9 * 1024 * 1024));
  expect((await agent.closed).code).toBe(1009);
  let rest = "";
  for (let read = await reader.read(); !read.done; read = await reader.read())
    rest += Buffer.from(read.value).toString();
  expect(rest.match(/"error":/g)).toHaveLength(1);
});

it.each([
  ["text that is not JSON", (agent: Awaited<ReturnType<typeof connectBySocket>>) => agent.send("{")],
  ["a message without an op", (agent) => agent.send({ taskId: "x" })],
  ["a result without content", (agent) => agent.send({ op: "result", taskId: "x" })],
  [
    "a message that is nested without end (T60)",
    (agent) => agent.send(`{"op":"heartbeat","state":{"x":${"[".repeat(1000)}${"]".repeat(1000)}}}`),
  ],
  ["a frame without a channel", (agent) => agent.sendFrame(new Uint8Array(3))],
] as [string, (agent: Awaited<ReturnType<typeof connectBySocket>>) => void][])(
  "a WebSocket is closed on %s (failure mode 71)",
  async (_, send) => {
    const agent = await connectBySocket(await startPublisher());
    send(agent);
    expect((await agent.closed).code).toBe(4400);
  },
);

it("messages that only newer agents send are ignored (failure mode 70)", async () => {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  agent.send({ op: "sing", song: 1 });
  agent.send({ op: "heartbeat", state: { llms: { home: { status: "active", mood: "good" } } }, more: 1 });
  const called = callModel(alice);
  const { taskId } = await agent.acceptNext();
  agent.send({ op: "result", taskId, status: 200, body: chatAnswer(""), extra: true });
  expect((await called).status).toBe(200);
});

it("results and binary frames for a task of another session are ignored (failure mode 71)", async () => {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  const grants = ["run", "expose"].map((role) => ({ role, resource: "llms" }));
  const mallory = await alice.server.user("mallory", grants);
  const other = await connectBySocket(
    await register(alice.server, mallory.bearer, mallory.call, [{ name: "hers" }]),
  );
  const called = callModel(alice, { stream: true });
  const task = await agent.acceptNext();
  other.send({ op: "accept", taskId: task.taskId, attempt: 1 });
  expect(await other.next("accepted")).toMatchObject({ granted: false });
  other.sendBytes(task.channel, "data: stolen\n\n");
  other.send({ op: "result", taskId: task.taskId, status: 200, body: { stolen: true } });
  other.send({ op: "done", taskId: task.taskId, attempt: 1 });
  // The socket keeps the order: the server has read all of it when it answers.
  other.send({ op: "accept", taskId: "none", attempt: 1 });
  await other.next("accepted");
  agent.sendBytes(task.channel, frames.join(""));
  agent.send({ op: "done", taskId: task.taskId, attempt: 1 });
  expect(await (await called).text()).not.toContain("stolen");
});
