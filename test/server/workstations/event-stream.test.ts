import { expect, it } from "vitest";
import { eventStream } from "../../../src/server/workstations/event-stream.ts";
import { linkPaths, sessionHeader } from "../../../src/wire/link/constants.ts";
import { chatAnswer, chatFrames } from "../../support/upstream.ts";
import {
  callModel,
  connectBySocket,
  connectByStream,
  startPublisher,
  startResponseByStream,
  waitUntil,
  withEpoch,
} from "./scripted-agent.ts";

const frames = chatFrames(["Hel", "lo"], false);

it("an event stream starts at once, is not buffered by proxies, and names its epoch", async () => {
  const alice = await startPublisher();
  const agent = await connectByStream(alice);
  expect(agent.headers.get("content-type")).toBe("text/event-stream");
  expect(agent.headers.get("x-accel-buffering")).toBe("no");
  expect(agent.headers.get("cache-control")).toBe("no-cache, no-transform");
  expect(agent.headers.get("x-mcpctl-epoch")).toBe(String(agent.epoch));
  expect(agent.raw()).toBe(`retry: 2000\n\nevent: attached\nid: 1\ndata: {"epoch":${agent.epoch}}\n\n`);
});

it("a request for a WebSocket without Upgrade, which a proxy has taken out, attaches nobody (failure mode 201)", async () => {
  const alice = await startPublisher();
  const agent = await connectByStream(alice);
  const stripped = { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version": "13" };
  await expect(connectByStream(alice, stripped)).rejects.toThrow(/^400 .*without the header Upgrade/);
  // The one that is attached goes on.
  const called = callModel(alice);
  const task = await agent.next("task");
  await agent.accept(task);
  await agent.post(task, { status: 200, body: chatAnswer("") });
  expect((await called).status).toBe(200);
});

it("an event stream delivers a task whose response is posted in batches, and numbers its events", async () => {
  const alice = await startPublisher();
  const agent = await connectByStream(alice);
  const called = callModel(alice, { stream: true });
  const task = await agent.next("task");
  expect(task).not.toHaveProperty("channel");
  expect((await agent.accept(task)).body).toEqual({});
  const first = await agent.post(task, { attempt: 1, seq: 1, frames: [frames[0]] });
  expect(first.body).toEqual({ ackSeq: 1, credit: 256 * 1024, cancelled: false });
  const last = await agent.post(task, { attempt: 1, seq: 2, frames: frames.slice(1), done: true });
  expect(last.body).toMatchObject({ ackSeq: 2, cancelled: false });
  expect(await (await called).text()).toBe(frames.join(""));
  expect(agent.raw()).toMatch(/id: 2\n/);
});

it("an event stream sends a request of many lines as one event", async () => {
  const alice = await startPublisher();
  const agent = await connectByStream(alice);
  const called = fetch(`${alice.server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${alice.bearer}`, "content-type": "application/json" },
    body: `{\n  "model": "home",\r\n  "messages": [{"role": "user", "content": "two\\nlines"}]\n}`,
  });
  const task = await agent.next("task");
  expect(task.request.messages).toEqual([{ role: "user", content: "two\nlines" }]);
  await agent.accept(task);
  await agent.post(task, { status: 200, body: chatAnswer("") });
  expect((await called).status).toBe(200);
});

it("an acceptance returns a long request, also a second time to the same agent", async () => {
  const alice = await startPublisher();
  const agent = await connectByStream(alice);
  const called = callModel(alice, { messages: [{ role: "user", content: "x".repeat(300_000) }] });
  const task = await agent.next("task");
  expect(task.request).toBeUndefined();
  for (let time = 0; time < 2; time++) {
    const { status, body } = await agent.accept(task);
    expect([status, body.request.messages[0].content.length]).toEqual([200, 300_000]);
  }
  await agent.post(task, { status: 200, body: chatAnswer("") });
  expect((await called).status).toBe(200);
  expect((await agent.accept(task)).status).toBe(409);
});

it("a posted response continues when the same agent has lost its stream and comes back (failure modes 31, 32, 48)", async () => {
  const { alice, agent, task, text } = await startResponseByStream(frames[0]!);
  agent.disconnect();
  await waitUntil(async () => (await callModel(alice)).status === 503);
  // The server keeps no events to send again, so it ignores the last id.
  const back = await connectByStream(alice, { ...withEpoch(agent.epoch), "last-event-id": "1" });
  expect(back.epoch).toBe(agent.epoch + 1);
  await back.post(task, { seq: 2, frames: frames.slice(1), done: true });
  expect(await text()).toBe(frames.join(""));
  expect(back.all.map(({ event }) => event)).toEqual(["attached"]);
});

it("a task that was not accepted is offered again when the same agent comes back", async () => {
  const alice = await startPublisher();
  const agent = await connectByStream(alice);
  const called = callModel(alice);
  const task = await agent.next("task");
  const back = await connectByStream(alice, withEpoch(agent.epoch));
  await agent.ended;
  const again = await back.next("task");
  expect([again.taskId, again.attempt]).toEqual([task.taskId, task.attempt]);
  await back.accept(again);
  await back.post(again, { status: 200, body: chatAnswer("") });
  expect((await called).status).toBe(200);
});

it("tasks are lost to a new agent, and the old agent is told that it is fenced (failure mode 45, T83)", async () => {
  const alice = await startPublisher();
  const old = await connectByStream(alice);
  const called = callModel(alice, { stream: true });
  const task = await old.next("task");
  await old.accept(task);
  await old.post(task, { seq: 1, frames: [frames[0]] });
  const { text } = await called;
  const agent = await connectByStream(alice);
  expect((await old.next("revoked")).reason).toMatch(/another agent/);
  await old.ended;
  const refused = await old.post(task, { seq: 2, frames: frames.slice(1), done: true });
  expect([refused.status, refused.body.code]).toEqual([409, "fenced"]);
  expect((await old.accept(task)).body.code).toBe("fenced");
  const got = await text();
  expect(got.match(/"error":/g)).toHaveLength(1);
  expect(got).not.toContain('"content":"lo"');
  // The new agent has the right epoch, but the task is lost.
  expect((await agent.post(task, { seq: 2, frames: [] })).status).toBe(410);
});

it("an agent can change from a WebSocket to an event stream", async () => {
  const alice = await startPublisher();
  const socket = await connectBySocket(alice);
  const called = callModel(alice, { stream: true });
  const task = await socket.acceptNext();
  socket.sendBytes(task.channel, frames[0]!);
  const { text } = await called;
  const agent = await connectByStream(alice, withEpoch(socket.epoch));
  // A response that began on the WebSocket cannot continue on the stream.
  expect(await text()).toMatch(/"error"/);
  const next = callModel(alice);
  const second = await agent.next("task");
  await agent.accept(second);
  await agent.post(second, { status: 200, body: chatAnswer("") });
  expect((await next).status).toBe(200);
});

it("an attach without a session, or with a bad epoch, is refused", async () => {
  const alice = await startPublisher();
  const attach = (headers: Record<string, string>) => alice.call("GET", linkPaths.stream, undefined, headers);
  expect((await attach({})).status).toBe(400);
  expect((await attach({ [sessionHeader]: alice.sessionId, "x-mcpctl-epoch": "-1" })).status).toBe(400);
  expect((await attach({ [sessionHeader]: "pvs_none" })).body.error).toBe("there is no such session");
});

it("an event stream sends comments so that no proxy closes it", async () => {
  const { body, connection } = eventStream(() => {}, 5);
  const reader = body.getReader();
  let text = "";
  while (!text.endsWith(":\n\n:\n\n")) text += Buffer.from((await reader.read()).value!).toString();
  expect(text).toBe("retry: 2000\n\n:\n\n:\n\n");
  connection.close(1000, "");
  expect((await reader.read()).done).toBe(true);
});

it("an event stream cuts off an agent that does not read, and queues no more for it (failure mode 31)", async () => {
  const closed = Promise.withResolvers<void>();
  const { connection } = eventStream(closed.resolve);
  const reason = "x".repeat(1024 * 1024);
  for (let sent = 0; sent < 70; sent++) connection.send({ event: "revoked", reason });
  await closed.promise;
});
