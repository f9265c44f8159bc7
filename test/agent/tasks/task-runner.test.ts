import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import { HttpFailure } from "../../../src/net/outbound.ts";
import { attachedAgent, infer } from "../../support/agent/attached-agent.ts";
import { eventually, FakeClock, turn } from "../../support/agent/fake-clock.ts";
import type { Peer } from "../../support/agent/scripted-server.ts";

const results = (peer: Peer) => peer.messages.filter((message) => message.op === "result");

describe("a task", () => {
  it("runs once when it is offered several times (failure modes 46, 48)", async () => {
    const { peer, call, provider, agent } = await attachedAgent();
    const asked = await call("t1");
    peer.send(infer("t1"));
    await call("t2", { channel: 8 });
    expect(provider.calls).toHaveLength(2);
    expect(asked.signal.aborted).toBe(false);
    expect(agent.report().tasks).toBe(2);
    // The repeated offer does not disturb the response.
    const answer = asked.answer();
    await turn();
    answer.push(Buffer.alloc(300_000, "x"));
    peer.send({ event: "credit", taskId: "t1", bytes: 100_000 });
    await eventually(() => peer.bytes.get(7)?.length === 300_000);
  });

  it("is cancelled in its older attempt when a new one is offered", async () => {
    const { peer, call, provider } = await attachedAgent();
    const asked = await call("t1");
    peer.send(infer("t1", { attempt: 2 }));
    await asked.aborted;
    await eventually(() => peer.messages.some((one) => one.op === "accept" && one.attempt === 2));
    peer.send({ event: "accepted", taskId: "t1", attempt: 2, granted: true });
    await eventually(() => provider.calls.length === 2);
  });

  it("goes to the operation and provider that it names, with the body unchanged", async () => {
    const { call } = await attachedAgent({ config: { publishName: "public-name" } });
    const asked = await call("t1", {
      llmName: "public-name",
      operation: "embeddings",
      request: { input: ["a"], model: "local-model" },
    });
    expect(asked.operation).toBe("embeddings");
    expect(asked.body).toBe('{"input":["a"],"model":"local-model"}');
  });

  it.each([
    ["an answer", 200, { id: 12345678901234567890n }, '{"id":12345678901234567890}'],
    ["an error with its retry-after", 429, { error: { message: "slow down" } }, undefined],
  ])(
    "sends %s that is not a stream in one piece to a server of an older revision (failure mode 56)",
    async (_, status, body, text) => {
      const { peer, call } = await attachedAgent({ protocol: 2 });
      const asked = await call("t1");
      const answer = asked.answer(status, { "content-type": "application/json", "retry-after": "7" });
      answer.push(Buffer.from(text ?? JSON.stringify(body)));
      answer.end();
      await eventually(() => results(peer).length === 1);
      expect(results(peer)[0]).toMatchObject({ taskId: "t1", attempt: 1, status, retryAfter: 7 });
      if (!text) expect(results(peer)[0]).toMatchObject({ body });
      expect(peer.bytes.size).toBe(0);
    },
  );

  it("sends a body that is not JSON as text to a server of an older revision", async () => {
    const { peer, call } = await attachedAgent({ protocol: 2 });
    const answer = (await call("t1")).answer(502, { "content-type": "text/html" });
    answer.push(Buffer.from("<h1>Bad Gateway</h1>"));
    answer.end();
    await eventually(() => results(peer).length === 1);
    expect(results(peer)[0]).toMatchObject({ status: 502, body: "<h1>Bad Gateway</h1>" });
  });

  it.each([
    [new HttpFailure("connect", "the name gpu.lan was not found"), "connect"],
    [new HttpFailure("refused", "the address 10.0.0.9 is refused"), "connect"],
    [new HttpFailure("timeout", "no answer from http://10.0.0.9:8000"), "timeout"],
    [new HttpFailure("closed", "10.0.0.9 closed"), "closed"],
    [new HttpFailure("malformed", "not HTTP"), "malformed"],
    [new HttpFailure("too-large", "over"), "too-large"],
    [new AppError("provider_unreachable", "the address is not allowed"), "connect"],
    [new TypeError("/home/alice/model.gguf"), "closed"],
  ])("reports %s by its kind, without a host or path (failure mode 62)", async (failure, kind) => {
    const { peer, call, agent, provider } = await attachedAgent();
    (await call("t1")).fail(failure);
    await eventually(() => results(peer).length === 1);
    expect(results(peer)[0]).toMatchObject({ error: { kind } });
    const told = JSON.stringify(results(peer)) + agent.logged.join();
    expect(told).not.toMatch(/gpu\.lan|10\.0\.0\.9|alice/);
    await eventually(() => provider.entered === 0);
  });

  it("reports a stream that breaks off after its first words (failure modes 3, 19)", async () => {
    const { peer, call } = await attachedAgent();
    const answer = (await call("t1")).answer();
    answer.push(Buffer.from("data: 1\n\n"));
    await eventually(() => peer.bytes.get(7));
    answer.fail(new HttpFailure("closed", "reset"));
    await eventually(() => results(peer).length === 1);
    expect(results(peer)[0]).toMatchObject({ error: { kind: "closed" } });
    expect(peer.messages.some(({ op }) => op === "done")).toBe(false);
  });

  it("reports an operation that the provider does not have", async () => {
    const { peer, call } = await attachedAgent();
    (await call("t1")).fail(new AppError("not_supported", "a provider of type openai counts no tokens"));
    await eventually(() => results(peer).length === 1);
    expect(results(peer)[0]).toMatchObject({ status: 501, body: { error: { type: "not_supported" } } });
  });

  it("for an llm that is not published here is refused without a claim", async () => {
    const { peer } = await attachedAgent();
    peer.send(infer("t1", { llmName: "gone" }));
    await eventually(() => results(peer).length === 1);
    expect(results(peer)[0]).toMatchObject({ error: { kind: "unknown_llm" } });
    expect(peer.messages.some(({ op }) => op === "accept")).toBe(false);
  });
});

describe("a cancelled task", () => {
  it.each(["websocket", "sse"])(
    "is ended at the provider at once, before it has responded (%s) (failure modes 28, 29)",
    async (transport) => {
      const { peer, call, provider, agent, server } = await attachedAgent({ transports: [transport] });
      const asked = await call("t1");
      const since = performance.now();
      peer.send({ event: "cancel", taskId: "t1" });
      await asked.aborted;
      expect(performance.now() - since).toBeLessThan(10_000);
      await eventually(() => provider.entered === 0 && agent.report().tasks === 0);
      await turn();
      expect(results(peer)).toEqual([]);
      expect(server.of("result")).toEqual([]);
    },
  );

  it("is ended in the middle of a stream, and nothing more is sent (failure mode 28)", async () => {
    const { peer, call } = await attachedAgent();
    const asked = await call("t1");
    const answer = asked.answer();
    answer.push(Buffer.from("data: 1\n\n"));
    await eventually(() => peer.bytes.get(7)?.length === 9);
    peer.send({ event: "cancel", taskId: "t1" });
    await asked.aborted;
    answer.push(Buffer.from("data: 2\n\n"));
    await call("t2", { channel: 8 });
    expect(peer.bytes.get(7)!.length).toBe(9);
    expect(results(peer)).toEqual([]);
    expect(peer.messages.some(({ op }) => op === "done")).toBe(false);
  });

  it("that was already done stays done (failure mode 30)", async () => {
    const { peer, call, agent } = await attachedAgent();
    const asked = await call("t1");
    asked.answer().end();
    await eventually(() => peer.messages.some(({ op }) => op === "done"));
    peer.send({ event: "cancel", taskId: "t1" });
    peer.send({ event: "credit", taskId: "t1", bytes: 10 });
    const next = await call("t2", { channel: 8 });
    next.answer().end();
    await eventually(() => peer.messages.filter(({ op }) => op === "done").length === 2);
    expect(agent.report().transport).toBe("websocket");
  });

  it("that was not granted yet never begins", async () => {
    const { peer, provider, agent } = await attachedAgent();
    peer.send(infer("t1"));
    await eventually(() => peer.messages.some(({ op }) => op === "accept"));
    peer.send({ event: "cancel", taskId: "t1" });
    await eventually(() => agent.report().tasks === 0);
    peer.send({ event: "accepted", taskId: "t1", attempt: 1, granted: true });
    peer.send(infer("t2", { llmName: "gone" }));
    await eventually(() => results(peer).length === 1);
    expect(provider.calls).toEqual([]);
  });
});

describe("a model that sleeps", () => {
  it("is woken by a wake task, which reports when it is ready", async () => {
    const { peer, provider } = await attachedAgent();
    provider.state = "hibernating";
    peer.send({ event: "task", kind: "wake", taskId: "w1", llmName: "local" });
    await eventually(() => results(peer).length === 1);
    expect(results(peer)[0]).toEqual({ op: "result", taskId: "w1", status: 200, body: {} });
    expect(provider.woken).toBe(1);
  });

  it("that cannot be woken is reported with a retry-after (failure modes 7, 8)", async () => {
    const { peer, provider } = await attachedAgent();
    provider.onWake = async () => {
      throw new AppError("unavailable", "it was not ready in 60 s", { retryAfter: 30 });
    };
    peer.send({ event: "task", kind: "wake", taskId: "w1", llmName: "local" });
    await eventually(() => results(peer).length === 1);
    expect(results(peer)[0]).toMatchObject({
      error: { kind: "wake", message: "it was not ready in 60 s", retryAfter: 30 },
    });
  });

  it("is woken by a call, which then goes on, and is busy until its first word (failure modes 16, 17)", async () => {
    const { call, provider } = await attachedAgent();
    provider.state = "hibernating";
    const asked = await call("t1");
    expect(provider.woken).toBe(1);
    expect(provider.entered).toBe(1);
    asked.answer().end();
    await eventually(() => provider.entered === 0);
  });

  it("fails a call when it cannot be woken; a provider without a wake recipe is called anyway", async () => {
    const { peer, provider, call } = await attachedAgent();
    provider.state = "hibernating";
    provider.onWake = async () => {
      throw new Error("/usr/local/bin/wake-gpu exited with 1");
    };
    peer.send(infer("t1"));
    await eventually(() => peer.messages.some(({ op }) => op === "accept"));
    peer.send({ event: "accepted", taskId: "t1", attempt: 1, granted: true });
    await eventually(() => results(peer).length === 1);
    expect(results(peer)[0]).toMatchObject({
      error: { kind: "wake", message: "the model could not be woken" },
    });
    provider.state = "inactive";
    await call("t2", { channel: 8 });
    expect(provider.woken).toBe(1);
  });
});

describe("an agent that stops", () => {
  it("does not wait for a wake, whose calls would be refused (failure mode 231)", async () => {
    const { peer, provider, agent } = await attachedAgent();
    provider.state = "hibernating";
    const waking = Promise.withResolvers<void>();
    provider.onWake = async (signal) => {
      waking.resolve();
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("gone"))));
    };
    peer.send({ event: "task", kind: "wake", taskId: "w1", llmName: "local" });
    await waking.promise;
    await agent.drain();
    await eventually(() => results(peer).length === 1);
    expect(results(peer)[0]).toMatchObject({ taskId: "w1", error: { kind: "draining" } });
    await agent.close();
    await agent.running;
  });

  it("refuses new tasks, finishes the running ones, and closes its providers (failure mode 61)", async () => {
    const { peer, call, agent, providers } = await attachedAgent();
    const asked = await call("t1");
    const drained = agent.drain();
    peer.send(infer("t2", { channel: 8 }));
    await eventually(() => results(peer).length === 1);
    expect(results(peer)[0]).toMatchObject({ taskId: "t2", error: { kind: "draining" } });
    expect(agent.report()).toMatchObject({ tasks: 1, draining: true });
    const answer = asked.answer();
    answer.push(Buffer.from("data: [DONE]\n\n"));
    answer.end();
    await drained;
    await agent.close();
    await agent.running;
    expect(providers.closed).toBe(true);
    await peer.closed;
    // Everything that was sent before the end has arrived.
    expect(peer.bytes.get(7)!.toString()).toBe("data: [DONE]\n\n");
    expect(peer.messages.at(-1)).toMatchObject({ op: "done" });
  });

  it("waits for 30 s at most", async () => {
    const time = new FakeClock();
    const { call, agent, server } = await attachedAgent({ time });
    const asked = await call("t1");
    let over = false;
    const drained = agent.drain().then(() => {
      over = true;
    });
    for (const step of [15_000, 14_999]) {
      const { pings } = server;
      await time.advance(step);
      if (step === 15_000) await eventually(() => server.pings > pings);
    }
    expect(over).toBe(false);
    await time.advance(1);
    await drained;
    expect(asked.signal.aborted).toBe(false);
    await agent.close();
    await asked.aborted;
  });
});
