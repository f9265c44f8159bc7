import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createAgent } from "../../src/agent/agent.ts";
import type { ProviderConfig } from "../../src/agent/core/config.ts";
import { createProviders } from "../../src/agent/providers/providers.ts";
import { openSessionFile } from "../../src/agent/session/session-file.ts";
import type { SocketConstructor } from "../../src/agent/transports/websocket.ts";
import { createOutbound } from "../../src/net/outbound.ts";
import { systemTime } from "../../src/time.ts";
import { eventually } from "../support/agent/fake-clock.ts";
import { testServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import {
  chatFrames,
  chunk,
  goodProvider,
  lastChunk,
  type Script,
  streamHead,
  type Upstream,
  upstream,
} from "../support/upstream.ts";

/** A WebSocket that never opens, as behind a proxy that lets none through. */
class NoWebSocket extends WebSocket {
  constructor() {
    super("ws://127.0.0.1:1/");
  }
}
const sockets = {
  websocket: WebSocket as unknown as SocketConstructor,
  sse: NoWebSocket as unknown as SocketConstructor,
};
const transports = ["websocket", "sse"] as const;

interface AttachedOptions {
  transport: "websocket" | "sse";
  script?: Script;
  folder?: string;
}

/** Starts a server and the agent of one of its users, which publishes one model of a scripted provider. */
async function published({ transport, script = goodProvider }: AttachedOptions) {
  const server = await testServer();
  const alice = await server.user("alice", [{ role: "expose", resource: "llms" }]);
  const provider = upstream(script);
  const agent = await agentOf(server.url, alice.bearer, provider, transport);
  return { server, alice, provider, ...agent };
}

async function agentOf(
  url: string,
  bearer: string,
  provider: Upstream,
  transport: "websocket" | "sse",
  home = temporaryFolder(),
) {
  const logged: string[] = [];
  const note = (line: string) => void logged.push(line);
  const log = { info: note, warn: note, error: note, success: note };
  const outbound = createOutbound();
  const providers = createProviders({ outbound, home, env: {}, cwd: home, log, time: systemTime });
  const config: ProviderConfig = {
    name: "local",
    type: "openai",
    model: "up",
    url: provider.url,
    publish: true,
    publishName: "local-alice",
  };
  await providers.apply({ providers: [config], agents: [] });
  const agent = createAgent({
    endpoint: { url, token: () => bearer },
    providers,
    sessionFile: openSessionFile(home, log),
    fetch,
    WebSocket: sockets[transport],
    time: { ...systemTime, random: () => 0.02 },
    bootId: crypto.randomUUID(),
    log,
  });
  const stop = new AbortController();
  const running = agent.run(stop.signal);
  running.catch(() => {});
  onTestFinished(async () => {
    stop.abort();
    await running.catch(() => {});
    await agent.close();
    outbound.close();
  });
  await eventually(() => agent.report().transport === transport, logged.join("; "));
  return { agent, providers, config, running, logged, home };
}

const question = (more: object = {}) => ({
  model: "local-alice",
  messages: [{ role: "user", content: "hi" }],
  ...more,
});

/** Calls with streaming, and reads the stream as far as the test wants. */
async function ask(url: string, bearer: string, signal?: AbortSignal) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify(question({ stream: true })),
    ...(signal && { signal }),
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    status: response.status,
    async until(part: string) {
      while (!text.includes(part)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`it ended without ${part}: ${text}`);
        text += value;
      }
      return text;
    },
    async rest() {
      for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
      return text;
    },
  };
}

describe.each(transports)("an agent with a real server, by %s", (transport) => {
  it("publishes a model that can be called, whole and streamed, and never shows the server its address (T349)", async () => {
    const { server, alice, provider } = await published({ transport });
    const row = (await alice.call("GET", "/api/v1/llms/local-alice")).body;
    expect(row).toMatchObject({ name: "local-alice", type: "openai", model: "up", visibility: "private" });
    expect(JSON.stringify(row)).not.toContain(provider.url.replace("http://", ""));
    const whole = await alice.call("POST", "/v1/chat/completions", question());
    expect(whole.status).toBe(200);
    expect(whole.body.choices[0].message.content).toBe("hello there");
    const stream = await ask(server.url, alice.bearer);
    const text = await stream.rest();
    expect(text.match(/"content":"(hel|lo)"/g)).toHaveLength(2);
    expect(text.trimEnd().endsWith("data: [DONE]")).toBe(true);
    const calls = provider.seen.filter(({ method }) => method === "POST");
    expect(calls).toHaveLength(2);
    for (const { body, headers } of calls) {
      expect(body.model).toBe("up");
      expect(headers["authorization"] ?? "").not.toContain(alice.bearer);
    }
  });

  it("passes on a request of over 256 KiB", async () => {
    const { alice, provider } = await published({ transport });
    const content = "ü".repeat(300_000);
    const { status } = await alice.call(
      "POST",
      "/v1/chat/completions",
      question({ messages: [{ role: "user", content }] }),
    );
    expect(status).toBe(200);
    expect(provider.seen.at(-1)!.body.messages[0].content).toBe(content);
  });

  it("cancels the provider's call at once when the caller disconnects, also during prefill (failure modes 28, 29)", async () => {
    const asked = Promise.withResolvers<void>();
    const { server, alice, provider, agent } = await published({
      transport,
      script: (seen, connection) => {
        if (seen.method === "GET") return goodProvider(seen, connection);
        asked.resolve();
      },
    });
    const leaving = new AbortController();
    const call = ask(server.url, alice.bearer, leaving.signal).catch(() => {});
    await asked.promise;
    const since = performance.now();
    leaving.abort();
    await provider.closed();
    expect(performance.now() - since).toBeLessThan(10_000);
    await call;
    await eventually(() => agent.report().tasks === 0);
  });

  it("sends a long response at the speed of its reader, complete and in order (failure mode 27)", async () => {
    const words = Array.from({ length: 3_000 }, (_, i) => `${i}${"x".repeat(1_000)} `);
    const { server, alice } = await published({
      transport,
      script: (seen, connection) => {
        if (seen.method === "GET") return goodProvider(seen, connection);
        connection.write(streamHead);
        for (const frame of chatFrames(words, false)) connection.write(chunk(frame));
        connection.write(lastChunk);
      },
    });
    const text = await (await ask(server.url, alice.bearer)).rest();
    expect([...text.matchAll(/"content":"(\d+)x/g)].map(([, i]) => Number(i))).toEqual(
      words.map((_, i) => i),
    );
    expect(text).toContain("[DONE]");
  });

  it("ends the stream with a clear error when the provider breaks off (failure modes 19, 20)", async () => {
    const { server, alice } = await published({
      transport,
      script: (seen, connection) => {
        if (seen.method === "GET") return goodProvider(seen, connection);
        connection.write(streamHead);
        connection.write(chunk(chatFrames(["hel"], false)[1]!));
        connection.reset();
      },
    });
    const text = await (await ask(server.url, alice.bearer)).rest();
    expect(text).toContain('"content":"hel"');
    expect(text).toContain('"error"');
    expect(text).not.toContain("127.0.0.1");
  });

  it("stops for good when another agent takes its session (failure modes 44, 45)", async () => {
    const { server, alice, provider, running, home, agent } = await published({ transport });
    const second = await agentOf(server.url, alice.bearer, provider, transport, home);
    await expect(running).rejects.toMatchObject({ code: "fenced" });
    expect(agent.report().transport).toBeNull();
    expect(second.agent.report().transport).toBe(transport);
    expect((await alice.call("POST", "/v1/chat/completions", question())).status).toBe(200);
  });

  it("registers a changed config while a call goes on", async () => {
    const more = Promise.withResolvers<void>();
    const { server, alice, providers, config } = await published({
      transport,
      script: async (seen, connection) => {
        if (seen.method === "GET") return goodProvider(seen, connection);
        const [first, ...rest] = chatFrames(["hel", "lo"], false).slice(1);
        connection.write(streamHead);
        connection.write(chunk(first!));
        await more.promise;
        for (const frame of rest) connection.write(chunk(frame));
        connection.write(lastChunk);
      },
    });
    const call = await ask(server.url, alice.bearer);
    await call.until("hel");
    await providers.apply({
      providers: [config, { ...config, name: "two", publishName: "two-alice" }],
      agents: [],
    });
    let status = 0;
    while (status !== 200) ({ status } = await alice.call("GET", "/api/v1/llms/two-alice"));
    more.resolve();
    expect(await call.rest()).toContain("[DONE]");
  });
});

describe("an agent with a real server", () => {
  it("keeps its link and its calls when the clocks on both sides jump by a day (failure mode 52)", async () => {
    const steps = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { server, alice, agent, logged } = await published({
      transport: "websocket",
      script: async (seen, connection) => {
        if (seen.method === "GET") return goodProvider(seen, connection);
        const frames = chatFrames(["one", "two", "three"], false);
        connection.write(streamHead);
        connection.write(chunk(frames[1]!));
        await steps[0]!.promise;
        connection.write(chunk(frames[2]!));
        await steps[1]!.promise;
        for (const frame of frames.slice(3)) connection.write(chunk(frame));
        connection.write(lastChunk);
      },
    });
    const day = 86_400_000;
    const real = Date.now.bind(Date);
    const clock = vi.spyOn(Date, "now");
    onTestFinished(() => clock.mockRestore());
    const call = await ask(server.url, alice.bearer);
    await call.until("one");
    clock.mockImplementation(() => real() + day);
    steps[0]!.resolve();
    await call.until("two");
    expect((await alice.call("GET", "/api/v1/llms/local-alice")).body.status).toBe("active");
    clock.mockImplementation(() => real() - day);
    steps[1]!.resolve();
    expect(await call.rest()).toContain("[DONE]");
    expect((await alice.call("GET", "/api/v1/llms/local-alice")).body.status).toBe("active");
    expect(agent.report().transport).toBe("websocket");
    expect(logged.filter((line) => line.startsWith("connected"))).toHaveLength(1);
  });

  it("ends a stream with a clear error when it stops, and its model is inactive at once (failure mode 3)", async () => {
    const { server, alice, agent } = await published({
      transport: "websocket",
      script: (seen, connection) => {
        if (seen.method === "GET") return goodProvider(seen, connection);
        connection.write(streamHead);
        connection.write(chunk(chatFrames(["hel"], false)[1]!));
      },
    });
    const call = await ask(server.url, alice.bearer);
    await call.until("hel");
    await agent.close();
    expect(await call.rest()).toContain('"error"');
    let status = "active";
    while (status !== "inactive") ({ status } = (await alice.call("GET", "/api/v1/llms/local-alice")).body);
  });

  it("comes back to a restarted server with the same session and the same llms (failure modes 4, 5, 50)", async () => {
    const folder = temporaryFolder();
    const first = await testServer({ folder });
    const alice = await first.user("alice", [{ role: "expose", resource: "llms" }]);
    const { agent, home } = await agentOf(first.url, alice.bearer, upstream(goodProvider), "websocket");
    const before = (await alice.call("GET", "/api/v1/llms/local-alice")).body;
    const session = await Bun.file(join(home, "provider-session")).text();
    await first.stop(1_000);
    await eventually(() => agent.report().transport === null);
    const second = await testServer({
      folder,
      listen: { hostname: "127.0.0.1", port: Number(new URL(first.url).port) },
    });
    await eventually(() => agent.report().transport === "websocket");
    const after = (await second.as(alice.bearer)("GET", "/api/v1/llms/local-alice")).body;
    expect(after.id).toBe(before.id);
    expect(await Bun.file(join(home, "provider-session")).text()).toBe(session);
  });

  it("is disconnected when its token is revoked (failure modes 39, 40)", async () => {
    const server = await testServer();
    const { bearer } = await server.token("agent", [{ role: "expose", resource: "llms" }]);
    const { agent, logged } = await agentOf(server.url, bearer, upstream(goodProvider), "websocket");
    await server.admin("DELETE", "/api/v1/tokens/agent");
    await eventually(() => agent.report().transport === null);
    expect(logged.join()).toContain("bearer");
    expect(logged.join()).not.toContain(bearer);
  });
});
