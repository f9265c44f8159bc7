import { expect, it } from "vitest";
import { eventStream } from "../../../src/server/workstations/event-stream.ts";
import { linkPaths, sessionHeader } from "../../../src/wire/link/constants.ts";
import { chatFrames } from "../../support/upstream.ts";
import { ask, begunByStream, bySocket, byStream, goingOn, publisher, until } from "./scripted-agent.ts";

const frames = chatFrames(["Hel", "lo"], false);

it("begins at once, unbuffered, with where it stands", async () => {
  const alice = await publisher();
  const agent = await byStream(alice);
  expect(agent.headers.get("content-type")).toBe("text/event-stream");
  expect(agent.headers.get("x-accel-buffering")).toBe("no");
  expect(agent.headers.get("cache-control")).toBe("no-cache, no-transform");
  expect(agent.headers.get("x-mcpctl-epoch")).toBe(String(agent.epoch));
  expect(agent.raw()).toBe(`retry: 2000\n\nevent: attached\nid: 1\ndata: {"epoch":${agent.epoch}}\n\n`);
});

it("streams an answer that is posted in batches, and counts its events", async () => {
  const alice = await publisher();
  const agent = await byStream(alice);
  const called = ask(alice, { stream: true });
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

it("keeps a request of many lines one event", async () => {
  const alice = await publisher();
  const agent = await byStream(alice);
  const called = fetch(`${alice.server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${alice.bearer}`, "content-type": "application/json" },
    body: `{\n  "model": "home",\r\n  "messages": [{"role": "user", "content": "two\\nlines"}]\n}`,
  });
  const task = await agent.next("task");
  expect(task.request.messages).toEqual([{ role: "user", content: "two\nlines" }]);
  await agent.accept(task);
  await agent.post(task, { status: 200, body: { choices: [] } });
  expect((await called).status).toBe(200);
});

it("answers an acceptance with a long request, and grants it again to who has missed that", async () => {
  const alice = await publisher();
  const agent = await byStream(alice);
  const called = ask(alice, { messages: [{ role: "user", content: "x".repeat(300_000) }] });
  const task = await agent.next("task");
  expect(task.request).toBeUndefined();
  for (let time = 0; time < 2; time++) {
    const { status, body } = await agent.accept(task);
    expect([status, body.request.messages[0].content.length]).toEqual([200, 300_000]);
  }
  await agent.post(task, { status: 200, body: { choices: [] } });
  expect((await called).status).toBe(200);
  expect((await agent.accept(task)).status).toBe(409);
});

it("lets what runs go on when the stream down is lost and the same agent comes back (failure modes 31, 32, 48)", async () => {
  const { alice, agent, task, text } = await begunByStream(frames[0]!);
  agent.drop();
  await until(async () => (await ask(alice)).status === 503);
  // There is no buffer that an old id could be behind.
  const back = await byStream(alice, { ...goingOn(agent.epoch), "last-event-id": "1" });
  expect(back.epoch).toBe(agent.epoch + 1);
  await back.post(task, { seq: 2, frames: frames.slice(1), done: true });
  expect(await text()).toBe(frames.join(""));
  expect(back.all.map(({ event }) => event)).toEqual(["attached"]);
});

it("offers again what was not accepted when the same agent comes back", async () => {
  const alice = await publisher();
  const agent = await byStream(alice);
  const called = ask(alice);
  const task = await agent.next("task");
  const back = await byStream(alice, goingOn(agent.epoch));
  await agent.ended;
  const again = await back.next("task");
  expect([again.taskId, again.attempt]).toEqual([task.taskId, task.attempt]);
  await back.accept(again);
  await back.post(again, { status: 200, body: { choices: [] } });
  expect((await called).status).toBe(200);
});

it("loses what ran to a newcomer, whose epoch the old agent is told is not its own (failure mode 45)", async () => {
  const alice = await publisher();
  const old = await byStream(alice);
  const called = ask(alice, { stream: true });
  const task = await old.next("task");
  await old.accept(task);
  await old.post(task, { seq: 1, frames: [frames[0]] });
  const { text } = await called;
  const agent = await byStream(alice);
  expect((await old.next("revoked")).reason).toMatch(/another agent/);
  await old.ended;
  const refused = await old.post(task, { seq: 2, frames: frames.slice(1), done: true });
  expect([refused.status, refused.body.code]).toEqual([409, "fenced"]);
  expect((await old.accept(task)).body.code).toBe("fenced");
  const got = await text();
  expect(got.match(/"error":/g)).toHaveLength(1);
  expect(got).not.toContain('"content":"lo"');
  // With the right epoch there is no such task any more.
  expect((await agent.post(task, { seq: 2, frames: [] })).status).toBe(410);
});

it("takes an agent that changes from a WebSocket to a stream", async () => {
  const alice = await publisher();
  const socket = await bySocket(alice);
  const called = ask(alice, { stream: true });
  const task = await socket.take();
  socket.bytes(task.channel, frames[0]!);
  const { text } = await called;
  const agent = await byStream(alice, goingOn(socket.epoch));
  // What came over the socket cannot go on.
  expect(await text()).toMatch(/"error"/);
  const next = ask(alice);
  const second = await agent.next("task");
  await agent.accept(second);
  await agent.post(second, { status: 200, body: { choices: [] } });
  expect((await next).status).toBe(200);
});

it("needs to know whose it is, and which epoch", async () => {
  const alice = await publisher();
  const attach = (headers: Record<string, string>) => alice.call("GET", linkPaths.stream, undefined, headers);
  expect((await attach({})).status).toBe(400);
  expect((await attach({ [sessionHeader]: alice.sessionId, "x-mcpctl-epoch": "-1" })).status).toBe(400);
  expect((await attach({ [sessionHeader]: "pvs_none" })).body.error).toBe("there is no such session");
});

it("sends a comment so that nobody on the way gives up", async () => {
  const { body, connection } = eventStream(() => {}, 5);
  const reader = body.getReader();
  let text = "";
  while (!text.endsWith(":\n\n:\n\n")) text += Buffer.from((await reader.read()).value!).toString();
  expect(text).toBe("retry: 2000\n\n:\n\n:\n\n");
  connection.close(1000, "");
  expect((await reader.read()).done).toBe(true);
});

it("cuts off an agent that does not read, and keeps no more for it (failure mode 31)", async () => {
  const closed = Promise.withResolvers<void>();
  const { connection } = eventStream(closed.resolve);
  const reason = "x".repeat(1024 * 1024);
  for (let sent = 0; sent < 70; sent++) connection.send({ event: "revoked", reason });
  await closed.promise;
});
