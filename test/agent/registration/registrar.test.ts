import { describe, expect, it } from "vitest";
import type { PersonaConfig } from "../../../src/agent/core/config.ts";
import { AppError } from "../../../src/errors.ts";
import { newestRevision } from "../../../src/wire/link/revisions/index.ts";
import { attachedAgent } from "../../support/agent/attached-agent.ts";
import { eventually, FakeClock, turn } from "../../support/agent/fake-clock.ts";
import { memoryProvider, memoryProviders } from "../../support/agent/memory-providers.ts";
import { type Answer, ScriptedServer } from "../../support/agent/scripted-server.ts";
import { testAgent } from "../../support/agent/test-agent.ts";

const refusal = (status: number, code: string, more: object = {}): Answer => ({
  status,
  body: { code, error: `${code} it is`, ...more },
});

/** Starts an agent and a server that may refuse it. */
function startAgent(around: {
  time: FakeClock;
  names?: string[];
  personas?: PersonaConfig[];
  token?: () => string;
}) {
  const server = new ScriptedServer();
  const providers = memoryProviders(...(around.names ?? ["local"]).map((name) => memoryProvider(name)));
  providers.personas = around.personas ?? [];
  const agent = testAgent({ url: server.url, providers, ...around });
  return { server, providers, agent };
}

const publishedIn = (body: { providers: { name: string }[] }) => body.providers.map(({ name }) => name);

describe("a server of an older version", () => {
  it("gets the newest revision of the link protocol that it knows, and is asked anew at each connection (failure mode 70)", async () => {
    const time = new FakeClock();
    const server = new ScriptedServer();
    server.protocol = 2;
    const { peer, agent } = await attachedAgent({ server, time });
    expect(server.registers.map(({ protocol }) => protocol)).toEqual([newestRevision.protocol, 2]);
    server.protocol = newestRevision.protocol;
    peer.close();
    await time.until(() => server.peers.length === 2);
    expect(server.registers.at(-1).protocol).toBe(newestRevision.protocol);
    expect(agent.logged.filter((line) => line.includes("refused"))).toEqual([]);
  });

  it("that knows none of the revisions is tried again later", async () => {
    const time = new FakeClock();
    const server = new ScriptedServer();
    server.protocol = 1;
    testAgent({ url: server.url, providers: memoryProviders(memoryProvider("local")), time });
    await eventually(() => server.registers.length === 2);
    expect(server.registers.map(({ protocol }) => protocol)).toEqual([3, 2]);
    expect(server.peers).toEqual([]);
  });
});

describe("a server that is away", () => {
  it("is tried again at growing intervals, and soon again after a minute of being attached", async () => {
    const time = new FakeClock();
    const { server, agent } = startAgent({ time });
    server.answers.register = () => refusal(502, "unavailable");
    for (const wait of [250, 500, 1000, 2000, 4000]) {
      await eventually(() => time.waits.includes(wait), `a wait of ${wait}`);
      await time.advance(wait);
    }
    delete server.answers.register;
    await time.until(() => agent.report().transport !== null);
    server.peers[0]!.close();
    // The link lasted for a moment only, so the interval goes on growing.
    await eventually(() => agent.report().transport === null);
    await eventually(() => time.waits.some((one) => one > 1_000 && one !== 15_000 && one !== 5_000));
    await time.until(() => agent.report().transport !== null);
    for (let quarter = 0; quarter < 4; quarter++) {
      const { pings } = server;
      await time.advance(15_000);
      await eventually(() => server.pings > pings);
      for (let turns = 0; turns < 20; turns++) await turn();
    }
    server.peers[1]!.close();
    await eventually(() => time.waits.includes(250));
    expect(agent.logged.filter((line) => line.startsWith("cannot register"))).toHaveLength(1);
  });

  it("is tried again only after its retry-after", async () => {
    const time = new FakeClock();
    time.chance = 0;
    const { server } = startAgent({ time });
    server.answers.register = () => ({ ...refusal(503, "unavailable")!, headers: { "retry-after": "20" } });
    await eventually(() => server.registers.length === 1 && time.waits.includes(20_000));
    delete server.answers.register;
    await time.advance(19_999);
    await turn();
    expect(server.registers).toHaveLength(1);
    await time.until(() => server.peers.length === 1);
  });

  it("is tried again after five minutes at the latest, whatever its retry-after says (T104)", async () => {
    const time = new FakeClock();
    time.chance = 0;
    const { server } = startAgent({ time });
    const headers = { "retry-after": "99999999999" };
    server.answers.register = () => ({ ...refusal(503, "unavailable")!, headers });
    await eventually(() => server.registers.length === 1 && time.waits.includes(300_000));
    delete server.answers.register;
    await time.advance(299_000);
    await turn();
    expect(server.registers).toHaveLength(1);
    await time.until(() => server.peers.length === 1);
  });

  it("that has announced its stop is tried again within 5 s, at a random time (failure modes 5, 6)", async () => {
    for (const transports of [["websocket"], ["sse"]]) {
      const time = new FakeClock();
      const { server, peer, agent } = await attachedAgent({ transports, time });
      peer.send({ event: "drain" });
      await eventually(() => agent.logged.some((line) => line.includes("about to stop")));
      peer.close(1012);
      await eventually(() => agent.report().transport === null);
      await eventually(() => time.waits.includes(2_500));
      await time.until(() => server.peers.length === 2);
      expect(server.registers[1]).toMatchObject({ providerSessionId: "prov_1", bootId: "boot" });
    }
  });

  it("that was killed is tried again, and its tasks are cancelled (failure mode 4)", async () => {
    const { server, peer, call, agent } = await attachedAgent();
    const asked = await call("t1");
    asked.answer().push(Buffer.from("data: 1\n\n"));
    peer.cut();
    await asked.aborted;
    await server.peer();
    await eventually(() => agent.report().transport === "websocket");
    expect(agent.report().tasks).toBe(0);
  });
});

describe("a bearer", () => {
  it("that is refused is logged, and tried again slowly (failure modes 39, 40)", async () => {
    const time = new FakeClock();
    const { server, agent } = startAgent({ time, token: () => "revoked" });
    await eventually(() => server.registers.length === 1 && agent.logged.length > 0);
    expect(agent.logged).toEqual([expect.stringContaining("mcpctl login")]);
    await time.advance(29_000);
    await turn();
    expect(server.registers).toHaveLength(1);
    await time.until(() => server.registers.length === 2, 1_000);
    await turn();
    expect(agent.logged).toHaveLength(1);
    expect(agent.logged.join()).not.toContain("revoked");
  });

  it("that changes during the wait is tried at once (failure mode 41)", async () => {
    const time = new FakeClock();
    let token = "revoked";
    const { server } = startAgent({ time, token: () => token });
    await eventually(() => server.registers.length === 1);
    token = "good";
    await time.until(() => server.peers.length === 1);
    expect(time.elapsed()).toBeLessThan(12_000);
  });

  it("that does not exist yet is waited for", async () => {
    const time = new FakeClock();
    let ready = false;
    const { server, agent } = startAgent({
      time,
      token: () => {
        if (!ready) throw new AppError("invalid_request", "cannot read the token file");
        return "good";
      },
    });
    await eventually(() => agent.logged.length > 0);
    ready = true;
    await time.until(() => server.peers.length === 1);
  });

  it("without the right to publish is logged with the missing right", async () => {
    const time = new FakeClock();
    const { server, agent } = startAgent({ time });
    server.answers.register = () => refusal(403, "forbidden");
    await eventually(() => agent.logged.length > 0);
    expect(agent.logged[0]).toContain("role:expose,resource:llms");
    delete server.answers.register;
    await time.until(() => server.peers.length === 1, 1_000);
    expect(time.elapsed()).toBeGreaterThanOrEqual(31_000);
  });

  it("that is rotated while a task runs is sent on the WebSocket, and the task goes on (failure mode 41)", async () => {
    const time = new FakeClock();
    let token = "good";
    const { server, peer, call, agent } = await attachedAgent({ time, token: () => token });
    const asked = await call("t1");
    token = "better";
    server.bearers.add("better");
    await time.until(() => peer.messages.some(({ op }) => op === "authenticate"), 1_000);
    expect(peer.messages.at(-1)).toEqual({ op: "authenticate", token: "better" });
    expect(asked.signal.aborted).toBe(false);
    expect(server.registers).toHaveLength(1);
    asked.answer().end();
    await eventually(() => peer.messages.some(({ op }) => op === "done"));
    expect(agent.logged.join()).not.toContain("better");
  });

  it("that is rotated is used to repeat a refused POST (failure mode 41)", async () => {
    let token = "good";
    const { server, call, agent } = await attachedAgent({ transports: ["sse"], token: () => token });
    // Otherwise the heartbeat could be the POST that is refused.
    await eventually(() => server.of("heartbeat").length === 1);
    const asked = await call("t1");
    token = "better";
    server.bearers = new Set(["better"]);
    const answer = asked.answer();
    answer.push(Buffer.from("data: 1\n\n"));
    answer.end();
    await eventually(() => agent.report().tasks === 0);
    const bearers = server.of("result").map(({ bearer }) => bearer);
    expect(bearers[0]).toBe("good");
    expect(bearers.at(-1)).toBe("better");
    expect(asked.signal.aborted).toBe(false);
  });

  it("that is revoked while a task runs ends the task, and is tried again slowly (failure mode 40)", async () => {
    const time = new FakeClock();
    const { server, peer, call, agent } = await attachedAgent({ time });
    const asked = await call("t1");
    server.bearers.clear();
    peer.close(4401);
    await asked.aborted;
    await time.advance(25_000);
    await turn();
    expect(server.registers).toHaveLength(1);
    expect(agent.logged.at(-1)).toContain("the bearer is no longer valid");
    await time.until(() => server.registers.length > 1, 1_000);
  });
});

describe("another agent that takes the session", () => {
  it("ends this one for good, with its tasks, and without a register loop (failure modes 44, 45)", async () => {
    const { server, peer, call, agent } = await attachedAgent();
    const asked = await call("t1");
    peer.close(4409);
    await expect(agent.running).rejects.toMatchObject({ code: "fenced" });
    await asked.aborted;
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(server.registers).toHaveLength(1);
    expect(server.peers).toHaveLength(1);
  });

  it("ends this one also when attaching is refused (failure mode 45)", async () => {
    const time = new FakeClock();
    const server = new ScriptedServer();
    server.transports = ["sse"];
    server.onAttach = () => refusal(409, "fenced");
    const agent = testAgent({ url: server.url, providers: memoryProviders(memoryProvider("local")), time });
    await expect(agent.running).rejects.toMatchObject({ code: "fenced" });
    expect(server.registers).toHaveLength(1);
  });

  it("on another machine leaves this one a new session of its own, which it keeps (failure mode 44)", async () => {
    const server = new ScriptedServer();
    server.sessionId = "prov_own";
    const { agent } = await attachedAgent({ server, sessionId: "prov_copied" });
    expect(server.registers[0]).toMatchObject({ providerSessionId: "prov_copied", machineId: "machine" });
    expect(agent.sessionFile.providerSessionId).toBe("prov_own");
  });
});

describe("the published set", () => {
  it("leaves out exactly the names that are taken, logs each once, and tries them again after minutes (failure mode 57)", async () => {
    const time = new FakeClock();
    const taken = new Set(["b", "x"]);
    const { server, agent } = startAgent({
      time,
      names: ["a", "b", "c"],
      personas: [
        { name: "x", llm: "a", publish: true },
        { name: "y", llm: "a", publish: true },
        { name: "z", llm: "a", publish: false },
      ],
    });
    server.answers.register = (body) => {
      const faults = (list: "providers" | "agents") =>
        body[list].flatMap(({ name }: { name: string }, at: number) =>
          taken.has(name) ? [{ path: `/${list}/${at}/name`, message: `${name} is somebody else's` }] : [],
        );
      const details = [...faults("providers"), ...faults("agents")];
      if (details.length > 0) return refusal(409, "name_taken", { details });
      server.epoch++;
      return {
        status: 201,
        body: { providerSessionId: "prov_1", epoch: server.epoch, transports: ["websocket"] },
      };
    };
    const peer = await server.peer();
    expect(server.registers.map(publishedIn)).toEqual([
      ["a", "b", "c"],
      ["a", "c"],
    ]);
    expect(server.registers[1].agents).toEqual([{ name: "y", llmName: "a" }]);
    expect(agent.logged.filter((line) => line.includes("somebody else's"))).toEqual([
      "b is not published: b is somebody else's",
      "x is not published: x is somebody else's",
    ]);
    await eventually(() => agent.report().transport !== null);
    taken.delete("b");
    const minutes = async () => {
      for (let quarter = 0; quarter < 7; quarter++) {
        const { pings } = server;
        await time.advance(15_000);
        await eventually(() => server.pings > pings);
        for (let turns = 0; turns < 20; turns++) await turn();
      }
    };
    await minutes();
    await eventually(() => server.registers.length === 4);
    expect(publishedIn(server.registers[3])).toEqual(["a", "b", "c"]);
    expect(server.registers[3].agents).toEqual([{ name: "y", llmName: "a" }]);
    expect(agent.logged.filter((line) => line.includes("x is not published"))).toHaveLength(1);
    expect(server.peers).toEqual([peer]);
  });

  it("leaves out invalid entries and contains the rest", async () => {
    const time = new FakeClock();
    const { server, agent } = startAgent({ time, names: ["good", "Bad"] });
    server.answers.register = (body) => {
      const at = publishedIn(body).indexOf("Bad");
      if (at >= 0)
        return refusal(400, "invalid_request", {
          details: [{ path: `/providers/${at}/name`, message: "is no name" }],
        });
      return { status: 201, body: { providerSessionId: "prov_1", epoch: 1, transports: ["sse"] } };
    };
    await server.peer();
    expect(agent.logged[0]).toBe("Bad is not published: is no name");
  });

  it("is registered again when the config changes, while tasks go on", async () => {
    const { server, peer, call, providers, agent } = await attachedAgent();
    const asked = await call("t1");
    providers.change("published");
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(server.registers).toHaveLength(1);
    providers.all.push(memoryProvider("more", { publishName: "more-of-me" }));
    providers.change("published");
    await eventually(() => server.registers.length === 2);
    expect(publishedIn(server.registers[1])).toEqual(["local", "more-of-me"]);
    expect(server.registers[1]).toMatchObject({ providerSessionId: "prov_1", bootId: "boot" });
    expect(asked.signal.aborted).toBe(false);
    asked.answer().end();
    await eventually(() => peer.messages.some(({ op }) => op === "done"));
    expect(server.peers).toHaveLength(1);
    expect(agent.report().transport).toBe("websocket");
  });

  it("is withdrawn when the config publishes nothing any more, and not registered while it is empty from the start", async () => {
    const { server, providers } = await attachedAgent();
    providers.all.length = 0;
    providers.change("published");
    await eventually(() => server.registers.length === 2);
    expect(server.registers[1].providers).toEqual([]);

    const time = new FakeClock();
    const idle = startAgent({ time, names: [] });
    await eventually(() => idle.agent.logged.length > 0);
    expect(idle.server.registers).toEqual([]);
    idle.providers.all.push(memoryProvider("first"));
    idle.providers.change("published");
    await idle.server.peer();
  });
});
