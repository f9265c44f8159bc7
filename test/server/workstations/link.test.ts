import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openStore } from "../../../src/server/core/store/index.ts";
import { socketHandler } from "../../../src/server/workstations/socket.ts";
import { linkPaths, sessionHeader } from "../../../src/wire/link/constants.ts";
import { type Client, must, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { chatFrames } from "../../support/upstream.ts";
import {
  ask,
  begunBySocket,
  begunByStream,
  bySocket,
  byStream,
  goingOn,
  publisher,
  register,
  until,
} from "./scripted-agent.ts";

const frames = chatFrames(["Hel", "lo"], false);

/** Somebody whose llms are published by a token that can be taken away. */
async function byToken() {
  const alice = await publisher();
  const { server } = alice;
  const grants = ["run", "expose"].map((role) => ({ role, resource: "llms" }));
  const token = async (name: string) => (await server.token(name, grants)).bearer;
  const bearer = await token("desk");
  const remove = (name: string) => must(server.admin("DELETE", `/api/v1/tokens/${name}`));
  const own = await register(server, bearer, server.as(bearer), [{ name: "desk" }]);
  const caller = { server, bearer: await token("caller") };
  return { alice, caller, own, token, remove };
}

it("ends when its token is taken away while it is idle (failure mode 39)", async () => {
  const { alice, caller, own, remove } = await byToken();
  const [socket, other] = [await bySocket(own), await byStream(alice)];
  await remove("desk");
  expect((await socket.next("revoked")).reason).toBe("the bearer is no longer valid");
  expect((await socket.closed).code).toBe(4401);
  expect((await ask(caller, { model: "desk" })).status).toBe(503);
  // Nobody else's.
  expect(other.all.map(({ event }) => event)).toEqual(["attached"]);
});

it("ends with its calls when its token is taken away within one (failure mode 40)", async () => {
  const { caller, own, remove } = await byToken();
  const agent = await bySocket(own);
  const called = ask(caller, { model: "desk", stream: true });
  const task = await agent.take();
  agent.bytes(task.channel, frames[0]!);
  const { text } = await called;
  await remove("desk");
  expect((await agent.closed).code).toBe(4401);
  expect((await text()).match(/"error":/g)).toHaveLength(1);
});

it("ends a stream of events as well, and what is posted for it (failure mode 40)", async () => {
  const { caller, own, remove } = await byToken();
  const agent = await byStream(own);
  const called = ask(caller, { model: "desk", stream: true });
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

it("ends when its user may expose llms no more (failure mode 39)", async () => {
  const alice = await publisher();
  const agent = await bySocket(alice);
  await must(
    alice.server.admin("PUT", "/api/v1/rbac/of-alice", { roleBindings: [{ role: "run", resource: "llms" }] }),
  );
  expect((await agent.next("revoked")).reason).toBe("the right to expose llms was taken away");
  expect((await agent.closed).code).toBe(4401);
});

it("goes on within a call by a new token of the same user, and of nobody else (failure mode 41)", async () => {
  const { alice, caller, own, token, remove } = await byToken();
  const agent = await bySocket(own);
  const called = ask(caller, { model: "desk", stream: true });
  const task = await agent.take();
  agent.bytes(task.channel, frames[0]!);
  const mallory = await alice.server.user("mallory", [{ role: "expose", resource: "llms" }]);
  agent.say({ op: "authenticate", token: await token("new") });
  agent.say({ op: "authenticate", token: mallory.bearer });
  agent.say({ op: "authenticate", token: "mcpctl_nonsense" });
  agent.say({ op: "accept", taskId: "none", attempt: 1 });
  await agent.next("accepted");
  await remove("desk");
  agent.bytes(task.channel, frames.slice(1).join(""));
  agent.say({ op: "done", taskId: task.taskId, attempt: 1 });
  expect(await (await called).text()).toBe(frames.join(""));
  await must(alice.server.admin("DELETE", "/api/v1/users/mallory"));
  await remove("new");
  expect((await agent.closed).code).toBe(4401);
});

it("goes on by the token of what is posted for a stream of events (failure mode 41)", async () => {
  const { alice, caller, own, token, remove } = await byToken();
  const agent = await byStream(own);
  const called = ask(caller, { model: "desk", stream: true });
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

it("is nobody's when its agent has gone before it was opened", async () => {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  const alice = await publisher(undefined, { server: await testServer({ store }) });
  await bySocket(alice);
  const status = async () => (await alice.call("GET", "/api/v1/llms/home")).body.status;
  await until(async () => (await status()) === "active");
  const raiseEpoch = store.raiseEpoch.bind(store);
  const [asked, hasGone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  store.raiseEpoch = async (...args) => {
    asked.resolve();
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
  await asked.promise;
  socket.destroy();
  await once(socket, "close");
  // The server has heard of it by the time that it has answered somebody else.
  await status();
  hasGone.resolve();
  await until(async () => (await status()) === "inactive");
});

it("is closed when what is sent to it is dropped, as its agent does not read (failure mode 36)", async () => {
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

it("lets what runs finish when the server stops, and takes nothing new (failure modes 5, 61)", async () => {
  const { alice, agent, task, text } = await begunBySocket(frames[0]!);
  const stopped = alice.server.stop(10_000);
  await agent.next("drain");
  agent.bytes(task.channel, frames.slice(1).join(""));
  agent.say({ op: "done", taskId: task.taskId, attempt: 1 });
  expect(await text()).toBe(frames.join(""));
  expect((await agent.closed).code).toBe(1012);
  await stopped;
});

it("keeps the door open for what is posted until that is done (failure mode 5)", async () => {
  const { alice, agent, task, text } = await begunByStream(frames[0]!);
  const stopped = alice.server.stop(10_000);
  await agent.next("drain");
  expect((await ask(alice)).status).toBe(503);
  await expect(byStream(alice, goingOn(agent.epoch))).rejects.toThrow(/503/);
  await agent.post(task, { seq: 2, frames: frames.slice(1), done: true });
  expect(await text()).toBe(frames.join(""));
  await agent.ended;
  await stopped;
});

it("is ended with its calls when the server's patience is", async () => {
  const { alice, agent, text } = await begunBySocket(frames[0]!);
  await alice.server.stop(50);
  expect((await agent.closed).code).toBe(1012);
  expect((await text()).match(/"error":/g)).toHaveLength(1);
});

it("shows in the metrics, without a name (failure mode 62)", async () => {
  const alice = await publisher([{ name: "hushhush" }]);
  const agent = await bySocket(alice);
  const lines = async (call: Client) =>
    (await must(call("GET", "/metrics"))).text
      .split("\n")
      .filter((line) => /^mcpctl_a\w+_(agents|tasks)/.test(line));
  const called = ask(alice, { model: "hushhush" });
  const { taskId } = await agent.take();
  expect(await lines(alice.server.admin)).toEqual([
    'mcpctl_attached_agents{transport="websocket"} 1',
    'mcpctl_attached_agents{transport="sse"} 0',
    "mcpctl_agent_tasks 1",
  ]);
  agent.say({ op: "result", taskId, status: 200, body: { choices: [] } });
  await called;
  await until(async () => (await lines(alice.server.admin)).at(-1) === "mcpctl_agent_tasks 0");
  agent.close();
  await agent.closed;
  await until(async () => (await lines(alice.server.admin))[0]!.endsWith(" 0"));
});
