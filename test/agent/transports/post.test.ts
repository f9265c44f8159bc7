import { describe, expect, it } from "vitest";
import { attachedAgent } from "../../support/agent/attached-agent.ts";
import { eventually, FakeClock, turn } from "../../support/agent/fake-clock.ts";
import { type Answer, ScriptedServer } from "../../support/agent/scripted-server.ts";

const ack = (ackSeq: number, credit = 262_144): Answer => ({
  status: 200,
  body: { ackSeq, credit, cancelled: false },
});
const fenced: Answer = { status: 409, body: { code: "fenced", error: "an older epoch" } };
const unknown: Answer = { status: 410, body: { code: "gone", error: "no such task" } };

/** Starts an agent that posts, and a server that responds to each result when the test says so. */
async function posting(options: { time?: FakeClock } = {}) {
  const server = new ScriptedServer();
  server.transports = ["sse"];
  // biome-ignore lint/suspicious/noExplicitAny: what an agent sent
  const results: { body: any; answer(answer: Answer): void }[] = [];
  server.answers.result = (body) =>
    new Promise((answer) => {
      results.push({ body, answer });
    });
  const agent = await attachedAgent({ server, ...options });
  const sent = (at: number) => {
    const next = () => results.at(at);
    return eventually(next, `result ${at} is sent`).then(() => next()!);
  };
  return { ...agent, results, sent };
}

const event = (text: string) => Buffer.from(`data: ${text}\n\n`);

describe("a response by POSTs", () => {
  it("sends the first words at once, and the following ones together in the next POST", async () => {
    const { call, sent, results, provider } = await posting();
    const answer = (await call("t1")).answer();
    answer.push(event("1"));
    const first = await sent(0);
    expect(first.body).toEqual({ epoch: 2, attempt: 1, seq: 1, frames: ["data: 1\n\n"] });
    for (let word = 2; word <= 50; word++) answer.push(event(String(word)));
    answer.end();
    await turn();
    expect(results).toHaveLength(1);
    first.answer(ack(1));
    const second = await sent(1);
    expect(second.body).toMatchObject({ seq: 2, done: true });
    expect(second.body.frames.join("")).toBe(
      Array.from({ length: 49 }, (_, i) => `data: ${i + 2}\n\n`).join(""),
    );
    second.answer(ack(2));
    await eventually(() => provider.entered === 0);
    expect(results).toHaveLength(2);
  });

  it("that is not a stream goes in parts, as the provider sends it, however long it is (failure mode 91)", async () => {
    const { call, server } = await posting();
    delete server.answers.result;
    const answer = (await call("t1")).answer(200, { "content-type": "application/json" });
    const text = `{"n":12345678901234567890,"pad":"${"🦊".repeat(100_000)}"}`;
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 50_001) {
      answer.push(bytes.subarray(at, at + 50_001));
      await turn();
    }
    answer.end();
    await eventually(() => server.of("result").some(({ body }) => body.done === true));
    const bodies = server.of("result").map(({ body }) => body);
    expect(bodies[0].head).toEqual({ status: 200, contentType: "application/json" });
    expect(bodies.slice(1).some(({ head }) => head !== undefined)).toBe(false);
    expect(bodies.flatMap(({ frames }) => frames).join("")).toBe(text);
    expect(bodies.length).toBeGreaterThan(1);
  });

  it("is cut at the ends of events only, so that no character is cut (failure modes 54, 55)", async () => {
    const { call, server } = await posting();
    delete server.answers.result;
    const answer = (await call("t1")).answer();
    const text = `: ping\r\n\r\ndata: a\r\ndata: 🦊🦊\r\n\r\nevent: x\ndata: ${"ü".repeat(50_000)}\n\ndata: [DONE]`;
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 997) {
      answer.push(bytes.subarray(at, at + 997));
      if (at % 10 === 0) await turn();
    }
    answer.end();
    await eventually(() => server.of("result").some(({ body }) => body.done));
    const frames = server.of("result").flatMap(({ body }) => body.frames as string[]);
    expect(frames.join("")).toBe(`${text}\n\n`);
    for (const frame of frames) expect(frame).toMatch(/(\n\n|\r\n\r\n)$/);
    for (const frame of frames) expect(frame).not.toContain("\ufffd");
  });

  it("has at most 64 KiB in a POST, except for a larger event (failure mode 53)", async () => {
    const { call, server } = await posting();
    delete server.answers.result;
    const answer = (await call("t1")).answer();
    for (let i = 0; i < 20; i++) answer.push(event("x".repeat(9_990)));
    answer.push(event("y".repeat(1_000_000)));
    answer.push(event("z"));
    answer.end();
    await eventually(() => server.of("result").some(({ body }) => body.done));
    const sizes = server.of("result").map(({ body }) => body.frames.join("").length);
    for (const size of sizes) expect(size <= 64 * 1024 || size === 1_000_008, String(size)).toBe(true);
    expect(sizes.reduce((a, b) => a + b)).toBe(20 * 9_998 + 1_000_008 + 9);
  });

  it("is cancelled at an event that no server would take (failure mode 53)", async () => {
    const { call, sent } = await posting();
    const asked = await call("t1");
    const answer = asked.answer();
    answer.push(Buffer.from("data: "));
    for (let i = 0; i < 9; i++) answer.push(Buffer.alloc(1024 * 1024, "x"));
    const { body } = await sent(0);
    expect(body.error.kind).toBe("too-large");
    await asked.aborted;
  });

  it("repeats a POST whose response was lost (failure modes 32, 47)", async () => {
    const time = new FakeClock();
    const { call, sent, results } = await posting({ time });
    const answer = (await call("t1")).answer();
    answer.push(event("1"));
    await sent(0);
    answer.push(event("2"));
    // The connection is dead: there is no response for 10 s.
    await time.advance(9_000);
    expect(results).toHaveLength(1);
    await time.until(() => results.length === 2);
    const again = await sent(1);
    expect(again.body).toEqual({ epoch: 2, attempt: 1, seq: 1, frames: ["data: 1\n\n"] });
    again.answer(ack(1));
    expect((await sent(2)).body).toMatchObject({ seq: 2, frames: ["data: 2\n\n"] });
  });

  it("is cancelled when no POST succeeds for 15 s (failure mode 32)", async () => {
    const time = new FakeClock();
    const { call, server } = await posting({ time });
    server.answers.result = () => ({ status: 502, body: {} });
    const asked = await call("t1");
    asked.answer().push(event("1"));
    await time.until(() => asked.signal.aborted, 50);
    expect(time.elapsed()).toBeGreaterThan(10_000);
    expect(time.elapsed()).toBeLessThan(30_000);
  });

  it("repeats a POST with the newer epoch when the agent has attached meanwhile (failure mode 45)", async () => {
    const { call, sent, peer, server, agent } = await posting();
    const answer = (await call("t1")).answer();
    answer.push(event("1"));
    const first = await sent(0);
    peer.cut();
    await server.peer();
    await eventually(() => agent.report().transport !== null);
    first.answer(fenced);
    const again = await sent(1);
    expect(first.body.epoch).toBe(2);
    expect(again.body).toEqual({ ...first.body, epoch: 4 });
  });

  it("waits for the epoch while the agent is attaching, and is not taken for fenced (failure mode 45)", async () => {
    const { call, sent, peer, server, agent, results } = await posting();
    const answer = (await call("t1")).answer();
    answer.push(event("1"));
    const first = await sent(0);
    const held = Promise.withResolvers<void>();
    server.answers.register = async () => {
      await held.promise;
      server.epoch++;
      return { status: 201, body: { providerSessionId: "prov_1", epoch: server.epoch, transports: ["sse"] } };
    };
    peer.cut();
    await eventually(() => server.registers.length === 2);
    first.answer(fenced);
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(results).toHaveLength(1);
    held.resolve();
    const again = await sent(1);
    expect(again.body.epoch).toBe(4);
    again.answer(ack(1));
    expect(agent.report().transport).toBe("sse");
  });

  it("stops for good when the session is another agent's (failure mode 45)", async () => {
    const { call, sent, agent, server } = await posting();
    const asked = await call("t1");
    asked.answer().push(event("1"));
    (await sent(0)).answer(fenced);
    await expect(agent.running).rejects.toMatchObject({ code: "fenced" });
    await asked.aborted;
    expect(server.registers).toHaveLength(1);
  });

  it("is cancelled when the server no longer knows its task (failure mode 4)", async () => {
    const { call, sent, agent, provider } = await posting();
    const asked = await call("t1");
    asked.answer().push(event("1"));
    (await sent(0)).answer(unknown);
    await asked.aborted;
    await eventually(() => agent.report().tasks === 0 && provider.entered === 0);
    expect(agent.report().transport).toBe("sse");
  });

  it("is cancelled when its caller has gone, also when only the response to a POST reports that (failure mode 28)", async () => {
    const { call, sent, results } = await posting();
    const asked = await call("t1");
    const answer = asked.answer();
    answer.push(event("1"));
    (await sent(0)).answer({ status: 200, body: { ackSeq: 1, credit: 1000, cancelled: true } });
    await asked.aborted;
    answer.push(event("2"));
    await turn();
    expect(results).toHaveLength(1);
  });

  it("holds the provider back without credit, and goes on when credit is granted (failure mode 27)", async () => {
    const time = new FakeClock();
    const { call, sent, peer } = await posting({ time });
    const answer = (await call("t1")).answer();
    answer.push(event("1"));
    (await sent(0)).answer(ack(1, 0));
    await eventually(() => {
      if (!answer.held) answer.push(event("2"));
      return answer.held && time.waits.includes(2_000);
    });
    peer.send({ event: "credit", taskId: "t1", bytes: 100_000 });
    const second = await sent(1);
    expect(second.body).toMatchObject({ seq: 2 });
    await eventually(() => !answer.held);
    // During a POST the provider is read, up to the size of the next one.
    for (let i = 0; i < 60 && !answer.held; i++) answer.push(event("x".repeat(9_990)));
    expect(answer.held).toBeDefined();
    second.answer(ack(2, 262_144));
    await eventually(() => !answer.held);
  });

  it("asks for credit after 2 s, because a grant may have been lost with the stream", async () => {
    const time = new FakeClock();
    const { call, sent, results } = await posting({ time });
    const answer = (await call("t1")).answer();
    answer.push(event("1"));
    (await sent(0)).answer(ack(1, 0));
    await eventually(() => {
      if (!answer.held) answer.push(event("2"));
      return answer.held;
    });
    expect(results).toHaveLength(1);
    await time.until(() => results.length === 2);
    // The last batch again: it is not taken twice, and uses no credit.
    expect(results[1]!.body).toEqual({ epoch: 2, attempt: 1, seq: 1, frames: [] });
    results[1]!.answer(ack(1, 50_000));
    expect((await sent(2)).body).toMatchObject({ seq: 2 });
    await eventually(() => !answer.held);
  });

  it("asks for credit also when only a part of an event waits", async () => {
    const time = new FakeClock();
    const { call, sent, results } = await posting({ time });
    const answer = (await call("t1")).answer();
    answer.push(event("1"));
    (await sent(0)).answer(ack(1, 0));
    await eventually(() => time.waits.includes(2_000));
    answer.push(Buffer.from("data: ha"));
    expect(answer.held).toBeDefined();
    await time.until(() => results.length === 2);
    results[1]!.answer(ack(1, 50_000));
    await eventually(() => !answer.held);
    answer.push(Buffer.from("lf\n\n"));
    expect((await sent(2)).body).toMatchObject({ seq: 2, frames: ["data: half\n\n"] });
  });

  it("repeats a batch that was not taken, and is cancelled when the server lacks an earlier part", async () => {
    const { call, sent } = await posting();
    const asked = await call("t1");
    asked.answer().push(event("1"));
    (await sent(0)).answer(ack(0));
    const again = await sent(1);
    expect(again.body.seq).toBe(1);
    again.answer(ack(0));
    (await sent(2)).answer(ack(0));
    await asked.aborted;
  });

  it("repeats a claim whose response was lost, and does not run a task that it cannot claim", async () => {
    const { peer, server, provider } = await posting();
    const answers: Answer[] = [
      { status: 502, body: {} },
      { status: 409, body: { code: "conflict", error: "taken" } },
    ];
    server.answers.accept = () => answers.shift()!;
    delete server.answers.result;
    peer.send({
      event: "task",
      kind: "infer",
      taskId: "t9",
      attempt: 1,
      llmName: "local",
      operation: "chat",
      streaming: true,
      request: {},
    });
    await eventually(() => server.of("result").length === 1);
    expect(server.of("accept").map(({ body }) => body)).toEqual([
      { epoch: 2, attempt: 1 },
      { epoch: 2, attempt: 1 },
    ]);
    // The first claim may have arrived, so the server gets an error for the task.
    expect(server.of("result")[0]!.body.error.kind).toBe("closed");
    expect(provider.calls).toEqual([]);
  });

  it("gets a long request with the acceptance", async () => {
    const { server, call } = await posting();
    server.answers.accept = () => ({ status: 200, body: { request: { long: true } } });
    expect((await call("t1", { request: undefined })).body).toBe('{"long":true,"model":"local-model"}');
  });
});
