import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openStore } from "../../../src/server/core/store/index.ts";
import { socketHandler } from "../../../src/server/workstations/socket.ts";
import { linkPaths, sessionHeader } from "../../../src/wire/link/constants.ts";
import { type Client, must, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { chatAnswer, chatFrames } from "../../support/upstream.ts";
import {
  callModel,
  connectBySocket,
  connectByStream,
  register,
  startPublisher,
  startResponseBySocket,
  startResponseByStream,
  waitUntil,
  withEpoch,
} from "./scripted-agent.ts";

const frames = chatFrames(["Hel", "lo"], false);

/** Registers an agent with a token that the test can delete. */
async function publishByToken() {
  const alice = await startPublisher();
  const { server } = alice;
  const grants = ["run", "expose"].map((role) => ({ role, resource: "llms" }));
  const token = async (name: string) => (await server.token(name, grants)).bearer;
  const bearer = await token("desk");
  const remove = (name: string) => must(server.admin("DELETE", `/api/v1/tokens/${name}`));
  const own = await register(server, bearer, server.as(bearer), [{ name: "desk" }]);
  const caller = { server, bearer: await token("caller") };
  return { alice, caller, own, token, remove };
}

it("a link ends when its token is deleted while it is idle (failure mode 39)", async () => {
  const { alice, caller, own, remove } = await publishByToken();
  const [socket, other] = [await connectBySocket(own), await connectByStream(alice)];
  await remove("desk");
  expect((await socket.next("revoked")).reason).toBe("the bearer is no longer valid");
  expect((await socket.closed).code).toBe(4401);
  expect((await callModel(caller, { model: "desk" })).status).toBe(503);
  // Links of other tokens stay open.
  expect(other.all.map(({ event }) => event)).toEqual(["attached"]);
});

it("a link ends with its calls when its token is deleted during a call (failure mode 40)", async () => {
  const { caller, own, remove } = await publishByToken();
  const agent = await connectBySocket(own);
  const called = callModel(caller, { model: "desk", stream: true });
  const task = await agent.acceptNext();
  agent.sendBytes(task.channel, frames[0]!);
  const { text } = await called;
  await remove("desk");
  expect((await agent.closed).code).toBe(4401);
  expect((await text()).match(/"error":/g)).toHaveLength(1);
});

it("an event stream ends when its token is deleted, and results posted for it are refused (failure mode 40)", async () => {
  const { caller, own, remove } = await publishByToken();
  const agent = await connectByStream(own);
  const called = callModel(caller, { model: "desk", stream: true });
  const task = await agent.next("task");
  await agent.accept(task);
  await agent.post(task, { seq: 1, frames: [frames[0]] });
  const { text } = await called;
  await remove("desk");
  await agent.next("revoked");
  await agent.ended;
  expect((await text()).match(/"error":/g)).toHaveLength(1);
  expect((await agent.post(task, { seq: 2, frames: [] })).status).toBe(401);
});

it("a link ends when its user may no longer expose llms (failure mode 39)", async () => {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  await must(
    alice.server.admin("PUT", "/api/v1/rbac/of-alice", { roleBindings: [{ role: "run", resource: "llms" }] }),
  );
  expect((await agent.next("revoked")).reason).toBe("the right to expose llms was taken away");
  expect((await agent.closed).code).toBe(4401);
});

it("a call continues with a new token of the same user, and not with a token of another user (failure mode 41)", async () => {
  const { alice, caller, own, token, remove } = await publishByToken();
  const agent = await connectBySocket(own);
  const called = callModel(caller, { model: "desk", stream: true });
  const task = await agent.acceptNext();
  agent.sendBytes(task.channel, frames[0]!);
  const mallory = await alice.server.user("mallory", [{ role: "expose", resource: "llms" }]);
  agent.send({ op: "authenticate", token: await token("new") });
  agent.send({ op: "authenticate", token: mallory.bearer });
  agent.send({ op: "authenticate", token: "mcpctl_nonsense" });
  agent.send({ op: "accept", taskId: "none", attempt: 1 });
  await agent.next("accepted");
  await remove("desk");
  agent.sendBytes(task.channel, frames.slice(1).join(""));
  agent.send({ op: "done", taskId: task.taskId, attempt: 1 });
  expect(await (await called).text()).toBe(frames.join(""));
  await must(alice.server.admin("DELETE", "/api/v1/users/mallory"));
  await remove("new");
  expect((await agent.closed).code).toBe(4401);
});

it("a posted call continues with the token of the latest post (failure mode 41)", async () => {
  const { alice, caller, own, token, remove } = await publishByToken();
  const agent = await connectByStream(own);
  const called = callModel(caller, { model: "desk", stream: true });
  const task = await agent.next("task");
  await agent.accept(task);
  const call = alice.server.as(await token("new"));
  const post = (result: object) =>
    must(
      call("POST", `/api/v1/llms/_provider-task/${task.taskId}/result`, { epoch: agent.epoch, ...result }),
    );
  await post({ seq: 1, frames: [frames[0]] });
  await remove("desk");
  await post({ seq: 2, frames: frames.slice(1), done: true });
  expect(await (await called).text()).toBe(frames.join(""));
});

it("a link whose agent left before it was opened is closed", async () => {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  const alice = await startPublisher(undefined, { server: await testServer({ store }) });
  await connectBySocket(alice);
  const status = async () => (await alice.call("GET", "/api/v1/llms/home")).body.status;
  await waitUntil(async () => (await status()) === "active");
  const raiseEpoch = store.raiseEpoch.bind(store);
  const [isRequested, hasGone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  store.raiseEpoch = async (...args) => {
    isRequested.resolve();
    await hasGone.promise;
    return raiseEpoch(...args);
  };
  const { hostname, port } = new URL(alice.server.url);
  const head = [
    `GET ${linkPaths.stream} HTTP/1.1`,
    `host: ${hostname}:${port}`,
    `authorization: Bearer ${alice.bearer}`,
    `${sessionHeader}: ${alice.sessionId}`,
    "connection: Upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on("error", () => {});
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  await isRequested.promise;
  socket.destroy();
  await once(socket, "close");
  // Once the server has answered another request, it has noticed that the agent left.
  await status();
  hasGone.resolve();
  await waitUntil(async () => (await status()) === "inactive");
});

it("a link is closed when Bun drops an event because its agent does not read (failure mode 36)", async () => {
  const sent: string[] = [];
  let terminated = 0;
  let closed = 0;
  let dropping = false;
  const handler = socketHandler((wire) => {
    wire.send({ event: "drain" });
    dropping = true;
    wire.send({ event: "cancel", taskId: "t" });
    wire.send({ event: "drain" });
    return { text() {}, bytes() {}, closed: () => closed++ };
  });
  const send = (text: string) => {
    if (dropping) return 0;
    sent.push(text);
    return text.length;
  };
  handler.opened({ send, terminate: () => terminated++ } as never);
  handler.closed();
  expect([sent, terminated]).toEqual([['{"event":"drain"}'], 1]);
  await Promise.resolve();
  expect(closed).toBe(1);
});

it("a call finishes while the server stops, and new calls and agents are refused (failure modes 5, 61)", async () => {
  const { alice, agent, task, text } = await startResponseBySocket(frames[0]!);
  const stopped = alice.server.stop(10_000);
  await agent.next("drain");
  agent.sendBytes(task.channel, frames.slice(1).join(""));
  agent.send({ op: "done", taskId: task.taskId, attempt: 1 });
  expect(await text()).toBe(frames.join(""));
  expect((await agent.closed).code).toBe(1012);
  await stopped;
});

it("results are taken while the server stops until their call is done (failure mode 5)", async () => {
  const { alice, agent, task, text } = await startResponseByStream(frames[0]!);
  const stopped = alice.server.stop(10_000);
  await agent.next("drain");
  expect((await callModel(alice)).status).toBe(503);
  await expect(connectByStream(alice, withEpoch(agent.epoch))).rejects.toThrow(/503/);
  await agent.post(task, { seq: 2, frames: frames.slice(1), done: true });
  expect(await text()).toBe(frames.join(""));
  await agent.ended;
  await stopped;
});

it("a link and its calls end when the server's stop timeout is over", async () => {
  const { alice, agent, text } = await startResponseBySocket(frames[0]!);
  await alice.server.stop(50);
  expect((await agent.closed).code).toBe(1012);
  expect((await text()).match(/"error":/g)).toHaveLength(1);
});

it("the metrics count links and tasks, without names (failure mode 62)", async () => {
  const alice = await startPublisher([{ name: "hushhush" }]);
  const agent = await connectBySocket(alice);
  const lines = async (call: Client) =>
    (await must(call("GET", "/metrics"))).text
      .split("\n")
      .filter((line) => /^mcpctl_a\w+_(agents|tasks)/.test(line));
  const called = callModel(alice, { model: "hushhush" });
  const { taskId } = await agent.acceptNext();
  expect(await lines(alice.server.admin)).toEqual([
    'mcpctl_attached_agents{transport="websocket"} 1',
    'mcpctl_attached_agents{transport="sse"} 0',
    "mcpctl_agent_tasks 1",
  ]);
  agent.send({ op: "result", taskId, status: 200, body: chatAnswer("") });
  await called;
  await waitUntil(async () => (await lines(alice.server.admin)).at(-1) === "mcpctl_agent_tasks 0");
  agent.close();
  await agent.closed;
  await waitUntil(async () => (await lines(alice.server.admin))[0]!.endsWith(" 0"));
});
