import { expect, it } from "vitest";
import { linkPaths, sessionHeader } from "../../../src/wire/link/constants.ts";
import { chatFrames } from "../../support/upstream.ts";
import { ask, begunBySocket, bySocket, goingOn, publisher, register, until } from "./scripted-agent.ts";

const frames = chatFrames(["Hel", "lo 🦊"], false);
const done = frames.at(-1)!;

it("streams a provider's bytes as they are, wherever they were cut (failure modes 54, 55)", async () => {
  const alice = await publisher();
  const agent = await bySocket(alice);
  const called = ask(alice, { stream: true });
  const task = await agent.take();
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
  for (let at = 0; at < bytes.length; at += 7) agent.bytes(task.channel, bytes.subarray(at, at + 7));
  agent.say({ op: "done", taskId: task.taskId, attempt: 1 });
  const { status, text } = await called;
  expect(status).toBe(200);
  const got = await text();
  expect(got).toContain("lo 🦊");
  expect(got.match(/data: /g)).toHaveLength(frames.length);
  expect(got.endsWith(done)).toBe(true);
  expect(agent.all.filter(({ event }) => event === "cancel")).toEqual([]);
});

it("passes a whole answer on with every digit of it", async () => {
  const alice = await publisher();
  const agent = await bySocket(alice);
  const called = ask(alice);
  const task = await agent.take();
  expect(task.streaming).toBe(false);
  const body = `{"id":"x", "created":12345678901234567890,"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}`;
  agent.say(`{"op":"result","taskId":"${task.taskId}","attempt":1,"status":200,"body":${body}}`);
  const { status, text } = await called;
  expect([status, await text()]).toEqual([200, body]);
});

it("tells a provider's error with its status and retry-after", async () => {
  const alice = await publisher();
  const agent = await bySocket(alice);
  const called = ask(alice, { max_tokens: 3 });
  const bad = await agent.take();
  const body = { error: { message: "the prompt is too long", type: "invalid_request_error" } };
  agent.say({ op: "result", taskId: bad.taskId, status: 400, body });
  const { status, text } = await called;
  expect([status, await text()]).toEqual([400, expect.stringContaining("the prompt is too long")]);
  const next = ask(alice);
  const busy = await agent.take();
  agent.say({ op: "result", taskId: busy.taskId, status: 429, body: "slow down", retryAfter: 77 });
  const { status: second, response } = await next;
  expect([second, response.headers.get("retry-after")]).toEqual([429, "77"]);
});

it("sends a long request with its acceptance only", async () => {
  const alice = await publisher();
  const agent = await bySocket(alice);
  const content = "x".repeat(6 * 1024 * 1024);
  const called = ask(alice, { messages: [{ role: "user", content }] });
  const offered = await agent.next("task");
  expect(offered.request).toBeUndefined();
  agent.say({ op: "accept", taskId: offered.taskId, attempt: 1 });
  const { granted, request } = await agent.next("accepted");
  expect(granted).toBe(true);
  expect(request.messages[0].content).toHaveLength(content.length);
  agent.say({ op: "result", taskId: offered.taskId, status: 200, body: { choices: [] } });
  expect((await called).status).toBe(200);
});

it("grants an attempt once, and none that it did not offer", async () => {
  const alice = await publisher();
  const agent = await bySocket(alice);
  const called = ask(alice);
  const { taskId } = await agent.next("task");
  agent.say({ op: "accept", taskId, attempt: 2 });
  expect((await agent.next("accepted")).granted).toBe(false);
  agent.say({ op: "accept", taskId, attempt: 1 });
  expect((await agent.next("accepted")).granted).toBe(true);
  agent.say({ op: "result", taskId, attempt: 1, status: 200, body: { choices: [] } });
  expect((await called).status).toBe(200);
  agent.say({ op: "accept", taskId, attempt: 1 });
  expect((await agent.next("accepted")).granted).toBe(false);
});

it("tells the agent at once when the caller has gone, before and within the answer (failure modes 28, 29, 30)", async () => {
  const alice = await publisher();
  const agent = await bySocket(alice);
  const early = new AbortController();
  const before = ask(alice, { stream: true }, undefined, early).catch(() => "left");
  const first = await agent.take();
  let started = performance.now();
  early.abort();
  expect((await agent.next("cancel")).taskId).toBe(first.taskId);
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(await before).toBe("left");

  const within = ask(alice, { stream: true });
  const second = await agent.take();
  agent.bytes(second.channel, frames[0]!);
  const { leave } = await within;
  started = performance.now();
  leave();
  expect((await agent.next("cancel")).taskId).toBe(second.taskId);
  expect(performance.now() - started).toBeLessThan(10_000);

  // What was on its way already is dropped, also its end.
  for (const task of [first, second]) {
    agent.bytes(task.channel, frames.join(""));
    agent.say({ op: "done", taskId: task.taskId, attempt: 1 });
  }
  const after = ask(alice, { stream: true });
  const third = await agent.take();
  agent.bytes(third.channel, frames.join(""));
  agent.say({ op: "done", taskId: third.taskId, attempt: 1 });
  expect(await (await after).text()).toBe(frames.join(""));
  expect(agent.all.filter(({ event }) => event === "cancel")).toHaveLength(2);
});

it("holds an agent back that its caller does not read (failure mode 27)", async () => {
  const alice = await publisher();
  const agent = await bySocket(alice);
  const called = ask(alice, { stream: true });
  const task = await agent.take();
  const chunk = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "y".repeat(32_000) } }] })}\n\n`;
  let credit = 256 * 1024;
  let sent = 0;
  const granted = () =>
    agent.all.filter(({ event }) => event === "credit").reduce((sum, { bytes }) => sum + bytes, 0);
  const send = () => {
    agent.bytes(task.channel, chunk);
    sent += chunk.length;
    credit -= chunk.length;
  };
  send();
  const { response } = await called;
  // An agent that keeps to its credit comes to a stop, far below what it has to send.
  let known = 0;
  const idle = async () => {
    // The server has heard all that was sent, and has had time and again to pass it on.
    for (let asked = 0; asked < 200; asked++) {
      agent.say({ op: "accept", taskId: "none", attempt: 1 });
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
  // The caller reads: there is more to send again.
  const reader = response.body!.getReader();
  while (granted() === known) await reader.read();
  agent.bytes(task.channel, frames.slice(-2).join(""));
  agent.say({ op: "done", taskId: task.taskId, attempt: 1 });
  let last = "";
  for (let read = await reader.read(); !read.done; read = await reader.read())
    last = last.slice(-100) + Buffer.from(read.value).toString();
  expect(last.endsWith(done)).toBe(true);
  expect(agent.all.filter(({ event }) => event === "cancel")).toEqual([]);
});

it("cuts off an agent that sends more than it has credit for, and its call ends (failure modes 27, 53, 71)", async () => {
  const { agent, task, text } = await begunBySocket(frames[0]!);
  // One frame may be too long.
  const content = "z".repeat(1024 * 1024);
  for (let i = 0; i < 40; i++)
    agent.bytes(task.channel, `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`);
  expect(await agent.closed).toEqual({ code: 4400, reason: "more was sent than there was credit for" });
  const got = await text();
  expect(got).toMatch(/"error"/);
  expect(got.length).toBeLessThan(20 * content.length);
});

it("takes a chunk of 1 MB, and none of 50 MB (failure mode 53)", async () => {
  const alice = await publisher();
  const agent = await bySocket(alice);
  const called = ask(alice, { stream: true });
  const task = await agent.take();
  const content = "z".repeat(1024 * 1024);
  agent.bytes(task.channel, `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`);
  const { response } = await called;
  const reader = response.body!.getReader();
  let length = 0;
  while (length < content.length) length += (await reader.read()).value!.length;
  agent.frame(new Uint8Array(50 * 1024 * 1024));
  expect((await agent.closed).code).toBe(1009);
  let rest = "";
  for (let read = await reader.read(); !read.done; read = await reader.read())
    rest += Buffer.from(read.value).toString();
  expect(rest.match(/"error":/g)).toHaveLength(1);
});

it.each([
  ["text that is no JSON", (agent: Awaited<ReturnType<typeof bySocket>>) => agent.say("{")],
  ["a message without an op", (agent) => agent.say({ taskId: "x" })],
  ["a result that says nothing", (agent) => agent.say({ op: "result", taskId: "x" })],
  [
    "a message that is nested without end (T60)",
    (agent) => agent.say(`{"op":"heartbeat","state":{"x":${"[".repeat(1000)}${"]".repeat(1000)}}}`),
  ],
  ["a frame without a channel", (agent) => agent.frame(new Uint8Array(3))],
] as [string, (agent: Awaited<ReturnType<typeof bySocket>>) => void][])(
  "closes on %s (failure mode 71)",
  async (_, send) => {
    const agent = await bySocket(await publisher());
    send(agent);
    expect((await agent.closed).code).toBe(4400);
  },
);

it("passes over what only newer agents say (failure mode 70)", async () => {
  const alice = await publisher();
  const agent = await bySocket(alice);
  agent.say({ op: "sing", song: 1 });
  agent.say({ op: "heartbeat", state: { llms: { home: { status: "active", mood: "good" } } }, more: 1 });
  const called = ask(alice);
  const { taskId } = await agent.take();
  agent.say({ op: "result", taskId, status: 200, body: { choices: [] }, extra: true });
  expect((await called).status).toBe(200);
});

it("does not take results of another's task, nor binary frames for it (failure mode 71)", async () => {
  const alice = await publisher();
  const agent = await bySocket(alice);
  const grants = ["run", "expose"].map((role) => ({ role, resource: "llms" }));
  const mallory = await alice.server.user("mallory", grants);
  const other = await bySocket(
    await register(alice.server, mallory.bearer, mallory.call, [{ name: "hers" }]),
  );
  const called = ask(alice, { stream: true });
  const task = await agent.take();
  other.say({ op: "accept", taskId: task.taskId, attempt: 1 });
  expect(await other.next("accepted")).toMatchObject({ granted: false });
  other.bytes(task.channel, "data: stolen\n\n");
  other.say({ op: "result", taskId: task.taskId, status: 200, body: { stolen: true } });
  other.say({ op: "done", taskId: task.taskId, attempt: 1 });
  // Heard after all that, as it goes over the same socket.
  other.say({ op: "accept", taskId: "none", attempt: 1 });
  await other.next("accepted");
  agent.bytes(task.channel, frames.join(""));
  agent.say({ op: "done", taskId: task.taskId, attempt: 1 });
  expect(await (await called).text()).not.toContain("stolen");
});

it("ends in one clear error when the agent goes away within an answer (failure mode 3)", async () => {
  const { agent, text } = await begunBySocket(frames[0]!);
  agent.cut();
  const got = await text();
  expect(got.match(/"error":/g)).toHaveLength(1);
});

it.each([
  ["before it accepts (failure mode 1)", false],
  ["before its first byte (failure mode 2)", true],
])("tries another member when the agent dies %s", async (_, isAccepted) => {
  const alice = await publisher([{ name: "home", poolName: "pool" }]);
  const other = { machineId: "other", bootId: "other" };
  const attic = [{ name: "attic", poolName: "pool" }];
  const bob = await register(alice.server, alice.bearer, alice.call, attic, 2, other);
  const agents = [await bySocket(alice), await bySocket(bob)];
  await until(async () => (await alice.call("GET", "/api/v1/llms/attic")).body.status === "active");
  const called = ask(alice, { model: "pool" });
  const hasTask = (agent: (typeof agents)[number]) => agent.all.some(({ event }) => event === "task");
  await until(() => agents.some(hasTask));
  const [dying, living] = hasTask(agents[0]!) ? agents : agents.toReversed();
  if (isAccepted) await dying!.take();
  dying!.cut();
  const task = await living!.take();
  living!.say({ op: "result", taskId: task.taskId, status: 200, body: { choices: [] } });
  expect((await called).status).toBe(200);
});

it("is refused as any other request is, and then is no WebSocket", async () => {
  const alice = await publisher();
  const { url } = alice.server;
  const upgrade = (headers: Record<string, string>) =>
    fetch(url + linkPaths.stream, {
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        ...headers,
      },
    }).then(async (response) => ({ status: response.status, body: await response.json() }));
  const own = { authorization: `Bearer ${alice.bearer}`, [sessionHeader]: alice.sessionId };
  expect((await upgrade({ [sessionHeader]: alice.sessionId })).status).toBe(401);
  expect((await upgrade({ ...own, host: "evil.example" })).status).toBe(421);
  expect((await upgrade({ authorization: own.authorization })).status).toBe(400);
  expect((await upgrade({ ...own, [sessionHeader]: "pvs_none" })).status).toBe(404);
  expect((await upgrade({ ...own, "sec-websocket-version": "8" })).status).toBe(400);
  const runner = await alice.server.user("bob", [{ role: "run", resource: "llms" }]);
  expect((await upgrade({ ...own, authorization: `Bearer ${runner.bearer}` })).status).toBe(403);
  const stranger = await alice.server.user("eve", [{ role: "expose", resource: "llms" }]);
  // As for a session that never was.
  expect(await upgrade({ ...own, authorization: `Bearer ${stranger.bearer}` })).toMatchObject({
    status: 404,
    body: { error: "there is no such session" },
  });
  expect(await upgrade({ ...own, ...goingOn(0) })).toMatchObject({ status: 409, body: { code: "fenced" } });
});

it("is the newest agent's: the one before it is told and closed, and its calls end (failure mode 44)", async () => {
  const alice = await publisher();
  const old = await bySocket(alice);
  const called = ask(alice, { stream: true });
  const task = await old.take();
  old.bytes(task.channel, frames[0]!);
  const { text } = await called;
  const agent = await bySocket(alice);
  expect((await old.next("revoked")).reason).toMatch(/another agent/);
  expect((await old.closed).code).toBe(4409);
  expect(await text()).toMatch(/"error"/);
  expect(agent.epoch).toBeGreaterThan(old.epoch);
  // The one that was replaced does not take the llm down with it.
  const next = ask(alice);
  const { taskId } = await agent.take();
  agent.say({ op: "result", taskId, status: 200, body: { choices: [] } });
  expect((await next).status).toBe(200);
});

it("lets the same agent attach again, and says nothing on what it had", async () => {
  const alice = await publisher();
  const old = await bySocket(alice);
  const agent = await bySocket(alice, goingOn(old.epoch));
  expect((await old.closed).code).toBe(1000);
  expect(old.all.map(({ event }) => event)).toEqual(["attached"]);
  expect(agent.epoch).toBe(old.epoch + 1);
});

it("answers at once when no agent is there", async () => {
  const alice = await publisher();
  const agent = await bySocket(alice);
  await until(async () => (await alice.call("GET", "/api/v1/llms/home")).body.status === "active");
  agent.close();
  await agent.closed;
  await until(async () => (await ask(alice)).status === 503);
  const { response } = await ask(alice);
  expect([response.status, await response.text()]).toEqual([503, expect.not.stringContaining("pvs_")]);
});

it("can be attached over the Unix socket, as the administrator", async () => {
  const { server } = await publisher();
  const mine = await register(server, "", server.admin, [{ name: "kitchen" }]);
  const socket = new WebSocket(`ws+unix://${server.socketPath}:${linkPaths.stream}`, {
    headers: { [sessionHeader]: mine.sessionId },
  } as never);
  const first = await new Promise((resolve, reject) => {
    socket.onmessage = ({ data }) => resolve(JSON.parse(data));
    socket.onerror = reject;
  });
  expect(first).toMatchObject({ event: "attached" });
  socket.close();
});
