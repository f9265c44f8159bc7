import { describe, expect, it } from "vitest";
import { attachedAgent } from "../../support/agent/attached-agent.ts";
import { countingFetch } from "../../support/agent/counting-fetch.ts";
import { eventually, FakeClock, turn } from "../../support/agent/fake-clock.ts";
import { freezingProxy } from "../../support/agent/freezing-proxy.ts";
import { ScriptedServer } from "../../support/agent/scripted-server.ts";

const sse = { transports: ["sse"] };

describe("a link by server-sent events", () => {
  it("attaches with bearer, session and epoch, and sends heartbeats by POST", async () => {
    const { server, peer } = await attachedAgent(sse);
    expect(peer.headers.get("x-mcpctl-provider-session")).toBe("prov_1");
    expect(peer.headers.get("x-mcpctl-epoch")).toBe("1");
    expect(peer.headers.get("accept")).toBe("text/event-stream");
    await eventually(() => server.of("heartbeat").length > 0);
    expect(server.of("heartbeat")[0]).toEqual({
      path: "/api/v1/llms/_provider-heartbeat",
      bearer: "good",
      body: {
        providerSessionId: "prov_1",
        epoch: 2,
        state: { llms: { local: { status: "active", inFlight: 0 } } },
      },
    });
  });

  it("ignores unknown events and fields (failure mode 70)", async () => {
    const { server, peer, call } = await attachedAgent(sse);
    peer.send({ event: "moonrise" });
    peer.send({ event: "task", kind: "dance", taskId: "t0" } as never);
    peer.send({ event: "credit", taskId: "nobody", bytes: 5 });
    const asked = await call("t1", { priority: "high" });
    asked.answer().end();
    await eventually(() => server.of("result").length === 1);
    expect(server.of("result")[0]!.path).toBe("/api/v1/llms/_provider-task/t1/result");
  });

  it("works with a server that gives neither an epoch nor transports (failure mode 70)", async () => {
    const server = new ScriptedServer();
    server.answers.register = () => ({ status: 201, body: { providerSessionId: "old" } });
    const { peer, call } = await attachedAgent({ server });
    expect(peer.transport).toBe("sse");
    expect(peer.headers.get("x-mcpctl-epoch")).toBeNull();
    const asked = await call("t1", { attempt: undefined, operation: undefined });
    expect(asked.operation).toBe("chat");
  });

  it("ends after 45 s of silence, although nothing was closed (failure mode 31)", async () => {
    const time = new FakeClock();
    const server = new ScriptedServer();
    const proxy = await freezingProxy(server.url);
    const { agent } = await attachedAgent({ ...sse, server, time, url: proxy.url });
    proxy.freeze();
    await time.advance(44_999);
    expect(agent.report().transport).toBe("sse");
    await time.advance(1);
    await eventually(() => agent.report().transport === null);
    await time.until(() => server.peers.length === 2);
    expect(server.peers[1]!.headers.get("x-mcpctl-epoch")).toBe("3");
  });

  it("lives on comments alone for 10 minutes (failure mode 37)", async () => {
    const time = new FakeClock();
    const { fetch, read } = countingFetch();
    const { peer, agent, call, server } = await attachedAgent({ ...sse, time, fetch });
    const asked = await call("t1");
    for (let quarter = 0; quarter < 40; quarter++) {
      const before = read();
      peer.comment();
      await eventually(() => read() > before);
      await turn();
      await time.advance(15_000);
    }
    expect(agent.report()).toMatchObject({ transport: "sse", tasks: 1 });
    expect(asked.signal.aborted).toBe(false);
    expect(server.registers).toHaveLength(1);
    // One each 30 seconds of the agent's clock, which runs ahead of the requests here.
    await eventually(() => server.of("heartbeat").length >= 10);
  });

  it("keeps its tasks while the stream is lost, and their responses go on (failure mode 31)", async () => {
    const { server, peer, call, agent } = await attachedAgent(sse);
    const asked = await call("t1");
    const answer = asked.answer();
    answer.push(Buffer.from("data: 1\n\n"));
    await eventually(() => server.of("result").length === 1);
    peer.cut();
    await server.peer();
    await eventually(() => agent.report().transport !== null);
    expect(asked.signal.aborted).toBe(false);
    answer.push(Buffer.from("data: 2\n\n"));
    answer.end();
    await eventually(() => agent.report().tasks === 0);
    const last = server.of("result").at(-1)!.body;
    expect(last).toMatchObject({ epoch: 4, seq: expect.any(Number), done: true });
    expect(
      server
        .of("result")
        .flatMap(({ body }) => body.frames)
        .join(""),
    ).toBe("data: 1\n\ndata: 2\n\n");
  });

  it("cancels its tasks when there is no new stream within 15 s", async () => {
    const time = new FakeClock();
    const { server, peer, call } = await attachedAgent({ ...sse, time });
    const asked = await call("t1");
    server.answers.register = () => ({ status: 503, body: { code: "unavailable", error: "not yet" } });
    peer.cut();
    await time.until(() => server.registers.length > 1);
    expect(asked.signal.aborted).toBe(false);
    await time.until(() => asked.signal.aborted, 1_000);
    expect(time.elapsed()).toBeGreaterThanOrEqual(15_000);
    expect(time.elapsed()).toBeLessThan(19_000);
  });

  it("asks for the reason when it is revoked, and stops for good when another agent has the session (failure modes 44, 45)", async () => {
    const server = new ScriptedServer();
    const { peer, agent, call } = await attachedAgent({ ...sse, server });
    const asked = await call("t1");
    server.answers.heartbeat = () => ({ status: 409, body: { code: "fenced", error: "older" } });
    peer.send({ event: "revoked", reason: "another agent has taken over the session" });
    peer.close();
    await expect(agent.running).rejects.toMatchObject({ code: "fenced" });
    await asked.aborted;
    await turn();
    expect(server.registers).toHaveLength(1);
  });

  it("stops for good when a heartbeat is refused because of its epoch (failure mode 45)", async () => {
    const server = new ScriptedServer();
    const { agent, providers } = await attachedAgent({ ...sse, server });
    server.answers.heartbeat = () => ({ status: 409, body: { code: "fenced", error: "older" } });
    providers.change("state");
    await expect(agent.running).rejects.toMatchObject({ code: "fenced" });
    expect(server.registers).toHaveLength(1);
    expect(server.peers).toHaveLength(1);
  });

  it("registers again when the server no longer knows the session (failure mode 50)", async () => {
    const { server, providers } = await attachedAgent(sse);
    server.answers.heartbeat = () => ({ status: 404, body: { code: "not_found", error: "no such session" } });
    providers.change("state");
    await eventually(() => server.registers.length === 2);
    expect(server.registers[1].providerSessionId).toBe("prov_1");
  });
});
