import { describe, expect, it, onTestFinished } from "vitest";
import { openStore } from "../../../src/server/core/store/index.ts";
import { databaseWithTables } from "../../postgres.ts";
import { heldStore } from "../../support/held-store.ts";
import { type McpTestServer, mcpTestServer, until } from "../../support/mcp/runtime.ts";
import { type Client, client, must, type TestServer } from "../../support/server.ts";
import { chatAnswer, chatFrames } from "../../support/upstream.ts";
import {
  callModel,
  connectBySocket,
  type Event,
  type Published,
  register,
  type SocketAgent,
  waitUntil,
} from "../workstations/scripted-agent.ts";
import { longLeases, nodes, separateNode } from "./nodes.ts";

const grants = ["run", "expose"].map((role) => ({ role, resource: "llms" }));
const frames = chatFrames(["one ", "two ", "three"], false).slice(1);

/** Returns when a node has read a status of the llm. The one that writes it may be the last to do so. */
const isKnown = (call: Client, status: string) =>
  until(
    async () => (await call("GET", "/api/v1/llms/home")).body?.status,
    (found) => found === status,
  );

/** Two nodes. The agent of alice, who has published `home`, is connected to the first one. */
async function agentAt(initialStatus: "active" | "hibernating" = "active") {
  const [a, b] = (await nodes(["a", "b"])).nodes as [McpTestServer, McpTestServer];
  const { bearer } = await a.user("alice", grants);
  const alice = await register(a, bearer, a.as(bearer), [{ name: "home", initialStatus }], 3);
  const agent = await connectBySocket(alice);
  for (const node of [a, b]) await isKnown(node.as(bearer), initialStatus);
  return { a, b, bearer, alice, agent, atA: { server: a, bearer }, atB: { server: b, bearer } };
}

const answer = (agent: SocketAgent, { taskId }: Event, content: string) =>
  agent.send({ op: "result", taskId, attempt: 1, status: 200, body: chatAnswer(content) });

describe("an llm of a workstation whose agent is connected to another node (failure mode 281)", () => {
  it("answers whole and in a stream, with its errors and cancellation, and is found where its agent is by now", async () => {
    const { a, bearer, alice, agent, atA, atB, b } = await agentAt();
    const whole = callModel(atB);
    const first = await agent.acceptNext();
    expect(first).toMatchObject({ llmName: "home", streaming: false, request: { model: "local" } });
    answer(agent, first, "hello");
    expect(await (await whole).response.json()).toMatchObject({
      choices: [{ message: { content: "hello" } }],
    });

    // It is booked once, where it came in.
    const { body: audit } = await b.admin("GET", "/api/v1/audit?action=llm_inference_call");
    expect(audit).toMatchObject([{ user: "alice", llm: "home", promptTokens: 7, completionTokens: 2 }]);

    const refused = callModel(atB);
    const { taskId } = await agent.acceptNext();
    const error = { message: "the context is too long", type: "invalid_request_error" };
    agent.send({ op: "result", taskId, attempt: 1, status: 422, body: { error } });
    expect([(await refused).status, await (await refused).text()]).toEqual([
      422,
      expect.stringContaining("the context is too long"),
    ]);

    // A provider that cannot be reached is tried again, as if its agent were here.
    const unreachable = callModel(atB);
    for (let attempt = 0; attempt < 3; attempt++) {
      const task = await agent.next("task");
      agent.send({ op: "result", taskId: task.taskId, attempt: 1, error: { kind: "connect", message: "" } });
    }
    expect([(await unreachable).status, await (await unreachable).text()]).toEqual([
      502,
      expect.stringContaining("cannot be reached"),
    ]);

    const streamed = callModel(atB, { stream: true });
    const stream = await agent.acceptNext();
    agent.sendBytes(stream.channel, frames[0]!);
    expect((await streamed).status).toBe(200);
    for (const frame of frames.slice(1)) agent.sendBytes(stream.channel, frame);
    agent.send({ op: "done", taskId: stream.taskId, attempt: 1 });
    const text = await (await streamed).text();
    expect(text).toMatch(/one .*two .*three.*\[DONE\]/s);
    expect(text).not.toContain("error");

    const left = await (async () => {
      const called = callModel(atB, { stream: true });
      const task = await agent.acceptNext();
      agent.sendBytes(task.channel, frames[0]!);
      (await called).abort();
      return task;
    })();
    expect((await agent.next("cancel")).taskId).toBe(left.taskId);
    const aborting = new AbortController();
    const unanswered = callModel(atB, {}, undefined, aborting).catch(() => undefined);
    const waiting = await agent.acceptNext();
    aborting.abort();
    expect((await agent.next("cancel")).taskId).toBe(waiting.taskId);
    await unanswered;

    const content = `${"x".repeat(10 * 1024 * 1024)} \u{1f600} the end`;
    const long = callModel(atB, { messages: [{ role: "user", content }] });
    const task = await agent.acceptNext();
    await waitUntil(() => agent.bytesOf(task.channel).length === task.requestBytes);
    expect(JSON.parse(agent.bytesOf(task.channel).toString()).messages[0].content === content).toBe(true);
    answer(agent, task, "y".repeat(2 * 1024 * 1024));
    expect((await (await long).text()).length).toBeGreaterThan(2 * 1024 * 1024);

    // Calls are those of the node where they came in: nobody else may run the llm there either.
    const { bearer: bob } = await b.user("bob", [{ role: "run", resource: "llms" }]);
    const asked = agent.all.length;
    expect((await callModel({ server: b, bearer: bob })).status).toBe(404);
    expect(agent.all).toHaveLength(asked);

    // The same workstation comes back to the other node.
    agent.close();
    for (const node of [a, b]) await isKnown(node.as(bearer), "inactive");
    expect((await callModel(atB)).status).toBe(503);
    const back = await connectBySocket({ ...alice, server: b });
    for (const node of [a, b]) await isKnown(node.as(bearer), "active");
    for (const caller of [atA, atB]) {
      const called = callModel(caller);
      answer(back, await back.acceptNext(), "moved");
      expect(await (await called).text()).toContain("moved");
    }
  });

  it("is woken once for the callers of all nodes, who get comments meanwhile (failure mode 283)", async () => {
    const { agent, atA, atB, b, bearer } = await agentAt("hibernating");
    const inFlightAtB = (count: number) =>
      until(
        async () => (await must(b.admin("GET", "/metrics"))).text,
        (text) => text.includes(`\nmcpctl_calls_in_flight ${count}\n`),
      );
    const streamed = callModel(atB, { stream: true });
    const wake = await agent.next("task");
    expect(wake).toMatchObject({ kind: "wake", llmName: "home" });
    const others = [callModel(atA), callModel(atB)];
    const aborting = new AbortController();
    const leaving = callModel(atB, {}, undefined, aborting).catch(() => "left");
    const { response } = await streamed;
    const reader = response.body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toMatch(/^: waking \d+s/);
    await inFlightAtB(3);
    aborting.abort();
    expect(await leaving).toBe("left");
    await inFlightAtB(2);
    agent.send({ op: "result", taskId: wake.taskId, status: 200, body: {} });
    for (let call = 0; call < 3; call++) {
      const task = await agent.acceptNext();
      expect(task.kind).toBe("infer");
      if (!task.streaming) answer(agent, task, "awake");
      else {
        for (const frame of frames) agent.sendBytes(task.channel, frame);
        agent.send({ op: "done", taskId: task.taskId, attempt: 1 });
      }
    }
    for (const other of others) expect((await other).status).toBe(200);
    await isKnown(b.as(bearer), "active");
    expect(agent.all.filter(({ kind }) => kind === "wake")).toHaveLength(1);
  });

  it("is woken also when the node of its agent is the last to read that it hibernates (failure mode 283)", async () => {
    const url = await databaseWithTables();
    const { store, hold } = heldStore(await openStore({ url, now: Date.now }));
    const a = await mcpTestServer({ node: "a", leaseTimes: longLeases, store });
    const b = await mcpTestServer({
      node: "b",
      leaseTimes: longLeases,
      store: await openStore({ url, now: Date.now }),
    });
    const { bearer } = await a.user("alice", grants);
    const sleeping: Published = { name: "home", initialStatus: "hibernating" };
    const alice = await register(a, bearer, a.as(bearer), [sleeping], 3);
    const hibernates = hold("loadSome", "before");
    onTestFinished(hibernates.release);
    const agent = await connectBySocket(alice);
    await isKnown(b.as(bearer), "hibernating");
    const called = callModel({ server: b, bearer });
    const { kind, taskId } = await agent.next("task");
    expect(kind).toBe("wake");
    hibernates.release();
    agent.send({ op: "result", taskId, status: 200, body: {} });
    answer(agent, await agent.acceptNext(), "awake");
    expect((await called).status).toBe(200);
  });
});

it("a node that dies ends the streams of its agents with one error, and wakes its llms again elsewhere (failure modes 282, 283)", async () => {
  const url = await databaseWithTables();
  const other = await separateNode(url, "other");
  const store = await openStore({ url, now: Date.now });
  const here = await mcpTestServer({ node: "here", leaseTimes: longLeases, store });
  const { bearer } = await here.user("alice", grants);
  const active: Published = { name: "home", initialStatus: "active" };
  const sleeping: Published = { name: "sleepy", initialStatus: "hibernating" };
  const there = { url: other.url } as TestServer;
  const call = client(other.url, { authorization: `Bearer ${bearer}` });
  await until(
    () => call("GET", "/api/v1/auth/whoami"),
    ({ status }) => status === 200,
  );
  const alice = await register(there, bearer, call, [active, sleeping], 3);
  const agent = await connectBySocket(alice);
  await isKnown(here.as(bearer), "active");
  const caller = { server: here, bearer };
  const streamed = callModel(caller, { stream: true });
  const task = await agent.acceptNext();
  agent.sendBytes(task.channel, frames[0]!);
  const { text } = await streamed;
  const whole = callModel(caller);
  await agent.acceptNext();
  const waiting = callModel(caller, { model: "sleepy" });
  expect((await agent.next("task")).kind).toBe("wake");
  other.kill("SIGKILL");
  const received = await text();
  expect(received).toContain("one ");
  expect(received.match(/"error"/g)).toHaveLength(1);
  expect([(await whole).status, (await waiting).status]).toEqual([503, 503]);
  // Its agent comes here, and takes its session with it.
  const back = await connectBySocket({ ...alice, server: here });
  const again = callModel(caller);
  answer(back, await back.acceptNext(), "again");
  expect((await again).status).toBe(200);
  const woken = callModel(caller, { model: "sleepy" });
  const { kind, taskId } = await back.next("task");
  expect(kind).toBe("wake");
  back.send({ op: "result", taskId, status: 200, body: {} });
  answer(back, await back.acceptNext(), "awake");
  expect((await woken).status).toBe(200);
});
