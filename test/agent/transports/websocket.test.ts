import { describe, expect, it } from "vitest";
import type { ClientSocket, SocketConstructor } from "../../../src/agent/transports/websocket.ts";
import { newestRevision } from "../../../src/wire/link/revisions/index.ts";
import { attachedAgent, infer } from "../../support/agent/attached-agent.ts";
import { countingFetch } from "../../support/agent/counting-fetch.ts";
import { eventually, FakeClock, turn } from "../../support/agent/fake-clock.ts";
import { freezingProxy } from "../../support/agent/freezing-proxy.ts";
import type { Peer } from "../../support/agent/scripted-server.ts";
import { ScriptedServer } from "../../support/agent/scripted-server.ts";

const said = (peer: Peer, op: string) => peer.messages.filter((message) => message.op === op);

describe("a link by WebSocket", () => {
  it("registers, attaches as the same agent, and sends its state at once", async () => {
    const { server, peer, agent } = await attachedAgent();
    expect(peer.transport).toBe("websocket");
    expect(peer.headers.get("x-mcpctl-provider-session")).toBe("prov_1");
    expect(peer.headers.get("x-mcpctl-epoch")).toBe("1");
    expect(peer.headers.get("authorization")).toBe("Bearer good");
    expect(peer.headers.get("sec-websocket-extensions")).toBeNull();
    await eventually(() => peer.messages.length > 0);
    expect(peer.messages[0]).toEqual({
      op: "heartbeat",
      state: { llms: { local: { status: "active", inFlight: 0 } } },
    });
    expect(server.registers).toEqual([
      {
        protocol: newestRevision.protocol,
        bootId: "boot",
        machineId: "machine",
        providers: [{ name: "local", type: "openai", model: "local-model", initialStatus: "active" }],
        agents: [],
        workstation: expect.stringMatching(/./),
        agentVersion: expect.stringMatching(/^\d/),
      },
    ]);
    expect(agent.sessionFile.providerSessionId).toBe("prov_1");
    expect(agent.report()).toMatchObject({ transport: "websocket", tasks: 0 });
  });

  it("accepts a task, and sends the provider's bytes unchanged, cut anywhere (failure modes 54, 55)", async () => {
    const { peer, provider } = await attachedAgent();
    peer.send(infer("t1"));
    await eventually(() => said(peer, "accept").length > 0);
    expect(provider.calls).toEqual([]);
    peer.send({ event: "accepted", taskId: "t1", attempt: 1, granted: true });
    await eventually(() => provider.calls.length === 1);
    expect(provider.entered).toBe(1);
    const answer = provider.calls[0]!.answer();
    const text = 'data: {"content":"🦊"}\r\n\r\n: ping\n\ndata: a\ndata: b\n\ndata: [DONE]\n\n';
    for (const byte of Buffer.from(text)) answer.push(Buffer.from([byte]));
    answer.end();
    await eventually(() => said(peer, "done").length > 0);
    expect(peer.bytes.get(7)!.toString()).toBe(text);
    expect(peer.messages.at(-1)).toEqual({ op: "done", taskId: "t1", attempt: 1 });
    await eventually(() => provider.entered === 0);
  });

  it("gets a long request with the acceptance, with all digits of its numbers", async () => {
    const { peer, provider } = await attachedAgent();
    peer.send(infer("t1", { request: undefined }));
    await eventually(() => said(peer, "accept").length > 0);
    peer.send(
      { event: "accepted", taskId: "t1", attempt: 1, granted: true },
      '{"model":"local-model","seed":12345678901234567890}',
    );
    await eventually(() => provider.calls.length === 1);
    expect(provider.calls[0]!.body).toBe('{"model":"local-model","seed":12345678901234567890}');
  });

  it("gets a long request in parts beside its acceptance, and says what has arrived (failure mode 91)", async () => {
    const { peer, provider, call } = await attachedAgent();
    const request = `{"model":"local-model","seed":12345678901234567890,"pad":"${"ü".repeat(20_000)}"}`;
    const bytes = Buffer.from(request);
    peer.send(infer("t1", { request: undefined, requestBytes: bytes.length }));
    peer.sendBytes(7, bytes.subarray(0, 9_001));
    await eventually(() => said(peer, "accept").length > 0);
    peer.send({ event: "accepted", taskId: "t1", attempt: 1, granted: true });
    await eventually(() => said(peer, "received").length === 1);
    expect(said(peer, "received")).toEqual([{ op: "received", bytes: 9_001 }]);
    // Another call goes on meanwhile.
    await call("t2", { channel: 8 });
    peer.sendBytes(7, bytes.subarray(9_001));
    await eventually(() => provider.calls.length === 2);
    expect(provider.calls[1]!.body).toBe(request);
  });

  it.each([
    ["is not JSON", "x".repeat(9_000), 9_000],
    ["is longer than any request", "x", 65 * 1024 * 1024],
  ])("reports a request that %s (failure mode 71)", async (_, bytes, requestBytes) => {
    const { peer, provider } = await attachedAgent();
    peer.send(infer("t1", { request: undefined, requestBytes }));
    peer.sendBytes(7, bytes);
    await eventually(() => said(peer, "accept").length > 0);
    peer.send({ event: "accepted", taskId: "t1", attempt: 1, granted: true });
    await eventually(() => said(peer, "result").length === 1);
    expect(said(peer, "result")[0]).toMatchObject({ taskId: "t1", error: { kind: "closed" } });
    expect(provider.calls).toEqual([]);
  });

  it("drops the rest of a request that was cancelled", async () => {
    const { peer, provider, agent, call } = await attachedAgent();
    peer.send(infer("t1", { request: undefined, requestBytes: 20_000 }));
    await eventually(() => said(peer, "accept").length > 0);
    peer.send({ event: "accepted", taskId: "t1", attempt: 1, granted: true });
    peer.sendBytes(7, "x".repeat(10_000));
    peer.send({ event: "cancel", taskId: "t1" });
    await eventually(() => agent.report().tasks === 0);
    peer.sendBytes(7, "x".repeat(10_000));
    await call("t2", { channel: 8 });
    expect(provider.calls).toHaveLength(1);
    expect(said(peer, "received").map((one) => "bytes" in one && one.bytes)).toEqual([10_000, 20_000]);
  });

  it("tells the server at once that it gave up waiting for a grant", async () => {
    const time = new FakeClock();
    const { peer, agent } = await attachedAgent({ time });
    peer.send(infer("t1"));
    await eventually(() => said(peer, "accept").length > 0);
    await time.advance(10_000);
    await eventually(() => said(peer, "result").length === 1);
    expect(said(peer, "result")[0]).toMatchObject({ taskId: "t1", error: { kind: "closed" } });
    await eventually(() => agent.report().tasks === 0);
  });

  it("sends a whole response as the provider sends it, in parts, between those of others (failure mode 91)", async () => {
    const { peer, call } = await attachedAgent();
    const large = (await call("t1")).answer(200, { "content-type": "application/json", "retry-after": "3" });
    const text = `{"n":12345678901234567890,"pad":"${"ü".repeat(100_000)}"}`;
    peer.acknowledges = false;
    large.push(Buffer.from(text));
    large.end();
    await eventually(() => (peer.bytes.get(7)?.length ?? 0) > 0);
    const small = (await call("t2", { channel: 8 })).answer(400, { "content-type": "text/plain" });
    small.push(Buffer.from("too hot"));
    small.end();
    await eventually(() => said(peer, "head").length === 2);
    expect(peer.bytes.get(7)!.length).toBeLessThan(100_000);
    peer.acknowledges = true;
    peer.send({ event: "received", bytes: peer.bytes.get(7)!.length });
    await eventually(() => said(peer, "done").length === 2);
    expect(peer.bytes.get(7)!.toString()).toBe(text);
    expect(peer.bytes.get(8)!.toString()).toBe("too hot");
    expect(said(peer, "head")).toEqual([
      { op: "head", taskId: "t1", attempt: 1, status: 200, contentType: "application/json", retryAfter: 3 },
      { op: "head", taskId: "t2", attempt: 1, status: 400, contentType: "text/plain" },
    ]);
    expect(said(peer, "done").map((one) => "taskId" in one && one.taskId)).toEqual(["t2", "t1"]);
  });

  it("does not run a task that is not granted", async () => {
    const { peer, provider, call, agent } = await attachedAgent();
    peer.send(infer("t1"));
    await eventually(() => said(peer, "accept").length > 0);
    peer.send({ event: "accepted", taskId: "t1", attempt: 1, granted: false });
    await eventually(() => agent.report().tasks === 0);
    await call("t2");
    expect(provider.calls).toHaveLength(1);
  });

  it("holds the provider back without credit, and goes on as credit is granted (failure mode 27)", async () => {
    const { peer, call } = await attachedAgent({ protocol: 2 });
    const asked = await call("t1");
    const answer = asked.answer();
    await turn();
    let pushed = 0;
    for (; pushed < 100 && !answer.held; pushed++) answer.push(Buffer.alloc(10_000, "x"));
    expect(pushed).toBe(27);
    await eventually(() => peer.bytes.get(7)?.length === 262_144);
    peer.send({ event: "credit", taskId: "t1", bytes: 20_000 });
    await eventually(() => peer.bytes.get(7)?.length === 270_000);
    expect(answer.held).toBeUndefined();
    answer.end();
    await eventually(() => said(peer, "done").length > 0);
  });

  it("takes a chunk of 50 MB only as fast as it is read (failure mode 53)", async () => {
    const { peer, call } = await attachedAgent();
    const asked = await call("t1");
    const answer = asked.answer();
    await turn();
    answer.push(Buffer.alloc(50_000_000, "x"));
    answer.end();
    let granted = 262_144;
    while (said(peer, "done").length === 0) {
      await eventually(() => said(peer, "done").length > 0 || peer.bytes.get(7)?.length === granted);
      if (granted >= 50_000_000) continue;
      peer.send({ event: "credit", taskId: "t1", bytes: 10_000_000 });
      granted = Math.min(50_000_000, granted + 10_000_000);
    }
    expect(peer.bytes.get(7)!.length).toBe(50_000_000);
  });

  it("holds all providers back while more than 1 MiB waits for a server of an older revision", async () => {
    const sockets: (ClientSocket & { backlog: number })[] = [];
    class Full extends (WebSocket as unknown as SocketConstructor) {
      backlog = 0;
      constructor(url: string, options: ConstructorParameters<SocketConstructor>[1]) {
        super(url, options);
        sockets.push(this as never);
      }
      override get bufferedAmount() {
        return this.backlog;
      }
    }
    const { peer, call } = await attachedAgent({ WebSocket: Full, protocol: 2 });
    const asked = await call("t1");
    const answer = asked.answer();
    sockets[0]!.backlog = 1024 * 1024;
    await turn();
    answer.push(Buffer.from("data: 1\n\n"));
    expect(answer.held).toBeDefined();
    expect(peer.bytes.get(7)).toBeUndefined();
    sockets[0]!.backlog = 1024 * 1024 - 1;
    await eventually(() => peer.bytes.get(7)?.toString() === "data: 1\n\n");
    expect(answer.held).toBeUndefined();
  });

  it("notices within 45 s that the other end is gone, cancels its tasks and attaches again (failure modes 31, 50)", async () => {
    const time = new FakeClock();
    const server = new ScriptedServer();
    const proxy = await freezingProxy(server.url);
    const { call, provider } = await attachedAgent({ server, time, url: proxy.url });
    const asked = await call("t1");
    proxy.freeze();
    await time.advance(44_000);
    expect(asked.signal.aborted).toBe(false);
    await time.advance(1_000);
    await asked.aborted;
    await eventually(() => provider.entered === 0);
    await time.until(() => server.peers.length === 2);
    expect(server.peers[1]!.headers.get("x-mcpctl-provider-session")).toBe("prov_1");
    // A kept connection would be dead too.
    expect(time.elapsed()).toBeLessThan(1_000 + 45_000 + 5_000);
    expect(server.registers).toHaveLength(2);
  });

  it("lives through 30 minutes with a silence of 7 minutes (failure modes 37, 38)", async () => {
    const time = new FakeClock();
    const { server, peer, call, agent } = await attachedAgent({ time });
    const asked = await call("t1");
    const answer = asked.answer();
    for (let minute = 0; minute < 30; minute++) {
      if (minute < 10 || minute > 17) answer.push(Buffer.from("."));
      for (let quarter = 0; quarter < 4; quarter++) {
        const { pings } = server;
        await time.advance(15_000);
        await eventually(() => server.pings > pings);
        for (let turns = 0; turns < 5; turns++) await turn();
      }
    }
    answer.end();
    await eventually(() => said(peer, "done").length > 0);
    expect(peer.bytes.get(7)!.toString()).toBe(".".repeat(22));
    expect(server.registers).toHaveLength(1);
    expect(agent.report().transport).toBe("websocket");
    // One after the attachment, then one every 30 s.
    expect(said(peer, "heartbeat").length).toBeGreaterThanOrEqual(60);
  });
});

describe("where no WebSocket passes", () => {
  it("the agent attaches by server-sent events within 3 s, and tries no WebSocket for 10 minutes (failure mode 35)", async () => {
    const time = new FakeClock();
    time.chance = 0;
    const server = new ScriptedServer();
    server.upgrade = "hangs";
    const { fetch, read } = countingFetch();
    const attaching = attachedAgent({ server, time, fetch });
    await eventually(() => server.registers.length === 1 && time.waits.includes(3_000));
    await time.advance(3_000);
    const { peer } = await attaching;
    expect(peer.transport).toBe("sse");
    // The WebSocket may have raised the epoch without notice, so the session was claimed again.
    expect(server.registers).toHaveLength(2);
    expect(peer.headers.get("x-mcpctl-epoch")).toBe("2");

    server.upgrade = "takes";
    peer.cut();
    await time.until(() => server.peers.length === 2);
    expect(server.peers[1]!.transport).toBe("sse");
    const since = time.elapsed();
    while (time.elapsed() - since < 10 * 60_000) {
      const before = read();
      server.peers[1]!.comment();
      await eventually(() => read() > before);
      await turn();
      await time.advance(15_000);
    }
    server.peers[1]!.cut();
    await time.until(() => server.peers.length === 3);
    expect(server.peers[2]!.transport).toBe("websocket");
  });

  it("a server that was slow to register the agent has more time to attach it, 12 s at most (failure mode 303)", async () => {
    for (const [seconds, limit] of [
      [4, 8_000],
      [19, 12_000],
    ] as const) {
      const time = new FakeClock();
      time.chance = 0;
      const server = new ScriptedServer();
      server.upgrade = "hangs";
      const slow = Promise.withResolvers<undefined>();
      server.answers.register = async () => {
        await slow.promise;
        delete server.answers.register;
        return { status: 201, body: { providerSessionId: "prov_1", epoch: 1, transports: ["websocket"] } };
      };
      const attaching = attachedAgent({ server, time });
      await eventually(() => server.registers.length === 1);
      await time.advance(1000 * seconds);
      slow.resolve(undefined);
      await eventually(() => time.waits.includes(limit));
      expect(server.registers).toHaveLength(1);
      await time.advance(limit);
      expect((await attaching).peer.transport).toBe("sse");
    }
  });

  it("a server that is as slow without one gets a WebSocket the next time (failure mode 303)", async () => {
    const time = new FakeClock();
    time.chance = 0;
    const server = new ScriptedServer();
    server.upgrade = "hangs";
    const attaching = attachedAgent({ server, time });
    await eventually(() => server.registers.length === 1 && time.waits.includes(3_000));
    const slow = Promise.withResolvers<undefined>();
    server.answers.register = async () => {
      await slow.promise;
      delete server.answers.register;
      return { status: 201, body: { providerSessionId: "prov_1", epoch: 2, transports: ["websocket"] } };
    };
    await time.advance(3_000);
    await eventually(() => server.registers.length === 2);
    await time.advance(4_000);
    slow.resolve(undefined);
    const { peer } = await attaching;
    expect(peer.transport).toBe("sse");
    server.upgrade = "takes";
    peer.cut();
    await time.until(() => server.peers.length === 2);
    expect(server.peers[1]!.transport).toBe("websocket");
  });

  it("the agent attaches by server-sent events at once when the upgrade is refused, or the server offers none", async () => {
    const server = new ScriptedServer();
    server.upgrade = "refuses";
    expect((await attachedAgent({ server })).peer.transport).toBe("sse");
    const without = await attachedAgent({ transports: ["sse"] });
    expect(without.peer.transport).toBe("sse");
    expect(without.server.registers).toHaveLength(1);
  });
});
