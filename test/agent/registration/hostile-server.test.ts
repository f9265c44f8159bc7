import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { textOf } from "../../../src/agent/session/response-text.ts";
import { AgentSession } from "../../../src/agent/session/session.ts";
import { attachWebSocket, type SocketConstructor } from "../../../src/agent/transports/websocket.ts";
import { systemTime } from "../../../src/time.ts";
import { attachedAgent, infer } from "../../support/agent/attached-agent.ts";
import { countingFetch } from "../../support/agent/counting-fetch.ts";
import { eventually, FakeClock, turn } from "../../support/agent/fake-clock.ts";
import { memoryProvider, memoryProviders } from "../../support/agent/memory-providers.ts";
import { type Peer, ScriptedServer } from "../../support/agent/scripted-server.ts";
import { testAgent } from "../../support/agent/test-agent.ts";

const results = (peer: Peer) => peer.messages.filter((message) => message.op === "result");
const both = ["websocket", "sse"];

describe("a hostile server (failure mode 71)", () => {
  it.each(both)(
    "cannot end the agent with a task id that does not fit into a path (%s)",
    async (transport) => {
      const { peer, call, server, provider, agent } = await attachedAgent({ transports: [transport] });
      for (const taskId of ["\ud800", "..", "", "../../x", "a b", "x".repeat(201)]) {
        peer.send(infer(taskId));
        peer.send(infer(taskId, { llmName: "not published" }));
        peer.send({ event: "task", kind: "wake", taskId, llmName: "local" });
      }
      peer.send({ event: "revoked", reason: { toString: 1 } } as never);
      await call("t1");
      expect(provider.calls).toHaveLength(1);
      expect(provider.woken).toBe(0);
      expect(agent.report().tasks).toBe(1);
      const said = [...peer.messages, ...server.calls.map(({ path }) => path)].map((one) =>
        JSON.stringify(one),
      );
      expect(said.filter((one) => /accept|result/.test(one) && !one.includes("t1"))).toEqual([]);
    },
  );

  it.each(both)("gets the published model, whichever model it asks for (%s)", async (transport) => {
    const { call } = await attachedAgent({ transports: [transport], config: { model: "qwen" } });
    const asked = await call("t1", { request: { messages: [], model: "unpublished", stream: true } });
    expect(JSON.parse(asked.body)).toEqual({ messages: [], model: "qwen", stream: true });
  });

  it("cannot run more than 1,024 tasks at a time", async () => {
    const { peer, agent, provider } = await attachedAgent();
    for (let task = 1; task <= 1030; task++) peer.send(infer(`t${task}`, { channel: task }));
    await eventually(() => results(peer).length === 6);
    for (const result of results(peer)) expect(result).toMatchObject({ error: { kind: "busy" } });
    expect(agent.report().tasks).toBe(1024);
    expect(provider.calls).toEqual([]);
    peer.send({ event: "cancel", taskId: "t1" });
    peer.send(infer("one more"));
    peer.send(infer("one-more"));
    await eventually(() => peer.messages.some((one) => one.op === "accept" && one.taskId === "one-more"));
  });

  it("cannot make the agent send heartbeats without pause, or attach by an unknown transport", async () => {
    const server = new ScriptedServer();
    server.answers.register = () => ({
      status: 201,
      body: { providerSessionId: "s", epoch: 1, heartbeatMs: 1e300, transports: [{ toString: 1 }, "sse"] },
    });
    const time = new FakeClock();
    testAgent({ url: server.url, providers: memoryProviders(memoryProvider("local")), time });
    const peer = await server.peer();
    expect(peer.transport).toBe("sse");
    await time.until(() => server.of("heartbeat").length === 1, 1);
    expect(Math.max(...time.waits)).toBeGreaterThan(9 * 60_000);
    expect(Math.max(...time.waits)).toBeLessThan(2 ** 31);
  });

  it.each(["a\nb: c", "", "x".repeat(201), 7])(
    "that names the session %j is treated as a failed registration",
    async (id) => {
      const server = new ScriptedServer();
      const time = new FakeClock();
      server.answers.register = () => ({ status: 201, body: { providerSessionId: id, epoch: 1 } });
      const providers = memoryProviders(memoryProvider("local"));
      const agent = testAgent({ url: server.url, providers, time });
      await eventually(() => agent.logged.length > 0);
      expect(agent.logged).toEqual(["cannot register: unexpected response to a registration"]);
      expect(agent.sessionFile.providerSessionId).toBeUndefined();
      expect(server.peers).toEqual([]);
    },
  );

  it("has its messages logged in one line that moves no cursor (T42)", async () => {
    const server = new ScriptedServer();
    const error = `no\u001b[2J\r\n\u009bfake: line\u202e${"x".repeat(5000)}`;
    server.answers.register = () => ({ status: 403, body: { code: "forbidden", error } });
    const providers = memoryProviders(memoryProvider("local"));
    const agent = testAgent({ url: server.url, providers, time: new FakeClock() });
    await eventually(() => agent.logged.length > 0);
    expect(agent.logged[0]).toMatch(/^no \[2J fake: line x+: publishing needs/);
    expect(agent.logged[0]!.length).toBeLessThan(700);
  });

  it("cannot send a response of over 64 MiB (T63)", async () => {
    let made = 0;
    const endless = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(1024 * 1024));
        made++;
      },
    });
    await expect(textOf(new Response(endless))).rejects.toThrow("too large");
    expect(made).toBeLessThan(70);
    const declared = new Response("short", { headers: { "content-length": String(2 ** 40) } });
    await expect(textOf(declared)).rejects.toThrow("too large");
    expect(await textOf(new Response('{"a":"ü"}'))).toBe('{"a":"ü"}');
    expect(await textOf(new Response(null))).toBe("");
  });

  it.each(both)("cannot make the agent call a provider without a request (%s)", async (transport) => {
    const { peer, server, provider, agent } = await attachedAgent({ transports: [transport] });
    for (const request of [undefined, null, "text", 7]) {
      const taskId = `t-${String(request)}`;
      peer.send(infer(taskId, { request }));
      peer.send({ event: "accepted", taskId, attempt: 1, granted: true });
    }
    const told = () => [...results(peer), ...server.of("result").map(({ body }) => body)];
    await eventually(() => told().length === 4);
    for (const result of told()) expect(result).toMatchObject({ error: { kind: "closed" } });
    await eventually(() => agent.report().tasks === 0);
    expect(provider.calls).toEqual([]);
  });
});

describe("a proxy that responds in place of the server", () => {
  it("with a page of status 200 makes the agent send the batch again", async () => {
    const { server, call } = await attachedAgent({ transports: ["sse"] });
    let pages = 2;
    server.answers.result = (body) => {
      const taken = { ackSeq: body.seq, credit: 262_144, cancelled: false };
      return pages-- > 0
        ? { status: 200, body: "<h1>Welcome to this hotel</h1>" as never }
        : { status: 200, body: taken };
    };
    const answer = (await call("t1")).answer();
    answer.push(Buffer.from("data: 1\n\n"));
    answer.end();
    await eventually(() => server.of("result").length === 3);
    for (const { body } of server.of("result"))
      expect(body).toMatchObject({ seq: 1, frames: ["data: 1\n\n"], done: true });
  });
});

describe("a proxy that refuses a heartbeat", () => {
  it.each([401, 403, 404, 410])(
    "with a page of status %i ends neither the link nor the calls",
    async (status) => {
      const time = new FakeClock();
      const { fetch, read } = countingFetch();
      const { server, call, agent, peer } = await attachedAgent({ transports: ["sse"], time, fetch });
      const beats = () => server.of("heartbeat").length;
      await time.until(() => beats() === 1, 0);
      const asked = await call("t1");
      server.answers.heartbeat = () => ({ status, body: "<h1>Not in this network</h1>" as never });
      await time.advance(30_000);
      await eventually(() => beats() === 2);
      // The link needs a sign of life before 45 s are over.
      const before = read();
      peer.comment();
      await eventually(() => read() > before);
      await turn();
      await time.advance(30_000);
      await eventually(() => beats() === 3);
      expect(agent.report()).toMatchObject({ transport: "sse", tasks: 1 });
      expect(asked.signal.aborted).toBe(false);
      expect(server.registers).toHaveLength(1);
    },
  );
});

describe("a hostile provider", () => {
  it.each(both)("cannot end the agent with a deeply nested response (%s) (T60)", async (transport) => {
    const { peer, server, call } = await attachedAgent({ transports: [transport], protocol: 2 });
    const answer = (await call("t1")).answer(200, { "content-type": "application/json" });
    const deep = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    answer.push(Buffer.from(deep));
    answer.end();
    const told = () => [...results(peer), ...server.of("result").map(({ body }) => body)];
    await eventually(() => told().length === 1);
    expect(told()[0]).toMatchObject({ status: 200 });
    expect(told()[0].body === deep).toBe(true);
    await call("t2");
  });

  it("cannot end the link with a response that grows when it is written as JSON (failure mode 53)", async () => {
    const { peer, call } = await attachedAgent({ protocol: 2 });
    const answer = (await call("t1")).answer(200, { "content-type": "image/png" });
    answer.push(Buffer.alloc(12 * 1024 * 1024, 0xff));
    answer.end();
    const large = (await call("t2", { channel: 8 })).answer(200, { "content-type": "application/json" });
    large.push(Buffer.from(`["${"x".repeat(12 * 1024 * 1024)}"]`));
    large.end();
    await eventually(() => results(peer).length === 2);
    expect(results(peer)[0]).toMatchObject({ taskId: "t1", error: { kind: "too-large" } });
    expect(results(peer)[1]).toMatchObject({ taskId: "t2", status: 200 });
  });

  it.each([2, 3])("cannot show a server of revision %d the key that it refuses (T35)", async (protocol) => {
    const apiKeyFile = join(mkdtempSync(join(tmpdir(), "mcpctl-key-")), "key");
    writeFileSync(apiKeyFile, 'canary"4711\n', { mode: 0o600 });
    const { peer, call } = await attachedAgent({ config: { apiKeyFile }, protocol });
    const answer = (await call("t1")).answer(401, { "content-type": "application/json" });
    answer.push(Buffer.from('{"error":{"message":"no such key: canary\\"4711"}}'));
    answer.end();
    const text = (await call("t2", { channel: 8 })).answer(403, { "content-type": "text/plain" });
    text.push(Buffer.from('canary"4711 is refused'));
    text.end();
    if (protocol === 3) {
      await eventually(() => peer.messages.filter(({ op }) => op === "done").length === 2);
      expect(String(peer.bytes.get(7))).toBe('{"error":{"message":"no such key: [redacted]"}}');
      expect(String(peer.bytes.get(8))).toBe("[redacted] is refused");
      return;
    }
    await eventually(() => results(peer).length === 2);
    expect(JSON.stringify(results(peer))).not.toContain("canary");
    expect(results(peer).map((one) => "body" in one && one.body)).toEqual([
      { error: { message: "no such key: [redacted]" } },
      "[redacted] is refused",
    ]);
  });
});

describe("a WebSocket of the agent", () => {
  it("that cannot be constructed fails the attachment", async () => {
    class Refusing {
      constructor() {
        throw new TypeError("Header 'authorization' has invalid value");
      }
    }
    const session = new AgentSession("s");
    const made = attachWebSocket({
      url: "http://127.0.0.1:1",
      token: "t",
      session,
      time: systemTime,
      timeout: 3_000,
      WebSocket: Refusing as unknown as SocketConstructor,
      events: {} as never,
    });
    await expect(made).rejects.toMatchObject({ code: "connection_failed" });
  });

  it("does not keep its requests in memory after it has ended", async () => {
    const { peer, agent } = await attachedAgent();
    let kept = 0;
    const parse = JSON.parse;
    const watched = new FinalizationRegistry(() => void kept--);
    const tasks = 20;
    JSON.parse = (text: string, ...rest) => {
      const value = parse(text, ...rest);
      if (value?.event !== "accepted") return value;
      watched.register(value.request, "");
      kept++;
      return value;
    };
    try {
      for (let task = 0; task < tasks; task++) {
        const taskId = `t${task}`;
        peer.send(infer(taskId, { request: undefined }));
        await eventually(() => peer.messages.some((one) => one.op === "accept" && one.taskId === taskId));
        peer.send({ event: "accepted", taskId, attempt: 1, granted: true }, '{"long":[1,2,3]}');
        peer.send({ event: "cancel", taskId });
        await eventually(() => agent.report().tasks === 0);
      }
    } finally {
      JSON.parse = parse;
    }
    await eventually(() => {
      Bun.gc(true);
      // The stack of the engine may still refer to one of them.
      return kept <= 5;
    });
    expect(agent.report().transport).toBe("websocket");
    await turn();
  });
});
