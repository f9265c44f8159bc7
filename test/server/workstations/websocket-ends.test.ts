import { expect, it } from "vitest";
import { linkPaths, sessionHeader } from "../../../src/wire/link/constants.ts";
import { chatAnswer, chatFrames } from "../../support/upstream.ts";
import {
  callModel,
  connectBySocket,
  register,
  startPublisher,
  startResponseBySocket,
  waitUntil,
  withEpoch,
} from "./scripted-agent.ts";

const frames = chatFrames(["Hel", "lo 🦊"], false);

it("a stream ends with one clear error when its agent goes away (failure mode 3)", async () => {
  const { agent, text } = await startResponseBySocket(frames[0]!);
  agent.terminate();
  const got = await text();
  expect(got.match(/"error":/g)).toHaveLength(1);
});

it.each([
  ["before it accepts (failure mode 1)", false],
  ["before its first byte (failure mode 2)", true],
])("another member of the pool is tried when the agent dies %s", async (_, isAccepted) => {
  const alice = await startPublisher([{ name: "home", poolName: "pool" }]);
  const other = { machineId: "other", bootId: "other" };
  const attic = [{ name: "attic", poolName: "pool" }];
  const bob = await register(alice.server, alice.bearer, alice.call, attic, 2, other);
  const agents = [await connectBySocket(alice), await connectBySocket(bob)];
  await waitUntil(async () => (await alice.call("GET", "/api/v1/llms/attic")).body.status === "active");
  const called = callModel(alice, { model: "pool" });
  const hasTask = (agent: (typeof agents)[number]) => agent.all.some(({ event }) => event === "task");
  await waitUntil(() => agents.some(hasTask));
  const [dying, living] = hasTask(agents[0]!) ? agents : agents.toReversed();
  if (isAccepted) await dying!.acceptNext();
  dying!.terminate();
  const task = await living!.acceptNext();
  living!.send({ op: "result", taskId: task.taskId, status: 200, body: chatAnswer("") });
  expect((await called).status).toBe(200);
});

it("an upgrade is refused as any other request is", async () => {
  const alice = await startPublisher();
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
  // The same error as for an unknown session.
  expect(await upgrade({ ...own, authorization: `Bearer ${stranger.bearer}` })).toMatchObject({
    status: 404,
    body: { error: "there is no such session" },
  });
  expect(await upgrade({ ...own, ...withEpoch(0) })).toMatchObject({ status: 409, body: { code: "fenced" } });
});

it("a new agent takes the session: the old one is told and closed, and its calls end (failure mode 44)", async () => {
  const alice = await startPublisher();
  const old = await connectBySocket(alice);
  const called = callModel(alice, { stream: true });
  const task = await old.acceptNext();
  old.sendBytes(task.channel, frames[0]!);
  const { text } = await called;
  const agent = await connectBySocket(alice);
  expect((await old.next("revoked")).reason).toMatch(/another agent/);
  expect((await old.closed).code).toBe(4409);
  expect(await text()).toMatch(/"error"/);
  expect(agent.epoch).toBeGreaterThan(old.epoch);
  // The end of the old link does not make the llm inactive.
  const next = callModel(alice);
  const { taskId } = await agent.acceptNext();
  agent.send({ op: "result", taskId, status: 200, body: chatAnswer("") });
  expect((await next).status).toBe(200);
});

it("the same agent may attach again, and its old link is closed without a message", async () => {
  const alice = await startPublisher();
  const old = await connectBySocket(alice);
  const agent = await connectBySocket(alice, withEpoch(old.epoch));
  expect((await old.closed).code).toBe(1000);
  expect(old.all.map(({ event }) => event)).toEqual(["attached"]);
  expect(agent.epoch).toBe(old.epoch + 1);
});

it("a call fails at once when no agent is attached", async () => {
  const alice = await startPublisher();
  const agent = await connectBySocket(alice);
  await waitUntil(async () => (await alice.call("GET", "/api/v1/llms/home")).body.status === "active");
  agent.close();
  await agent.closed;
  await waitUntil(async () => (await callModel(alice)).status === 503);
  const { response } = await callModel(alice);
  expect([response.status, await response.text()]).toEqual([503, expect.not.stringContaining("pvs_")]);
});

it("the administrator may attach over the Unix socket", async () => {
  const { server } = await startPublisher();
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
