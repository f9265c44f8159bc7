import { copyFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { mcpctl, startBinary } from "../support/binary.ts";
import { answering, readStream, startTestMachines } from "../support/test-machines.ts";
import { type Connection, chatFrames, chunk, lastChunk, streamHead } from "../support/upstream.ts";

const words = (text: string) => chunk(chatFrames([text], false)[1]!);
const ending = chunk(chatFrames([], false).slice(1).join("")) + lastChunk;

/** A provider that says a first word and then waits for the test. */
function waiting(first = "first ") {
  const calls: Connection[] = [];
  const script = answering((_, connection) => {
    connection.write(streamHead + words(first));
    calls.push(connection);
  });
  const called = (times = 1) => expect.poll(() => calls.length).toBe(times);
  const finish = (connection: Connection | undefined) => connection!.write(words("last") + ending);
  return { calls, script, called, finish };
}

/** Reads the first part of a stream, and then all of it as one answer. */
async function begun(response: Response): Promise<Response> {
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  const rest = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(value!),
    async pull(controller) {
      const next = await reader.read();
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    cancel: () => reader.cancel(),
  });
  return new Response(rest, { status: response.status });
}

describe("mcpctl agent", () => {
  it("publishes a model that its owner calls like any other, streamed and not, and with an SDK", async () => {
    const { desk, ask, server, bearer, backend } = await startTestMachines();
    await desk.start();
    const whole = await ask("desk");
    expect([whole.status, (await whole.json()).choices[0].message.content]).toEqual([200, "from the desk"]);
    const streamed = await ask("desk", { stream: true });
    expect(await readStream(streamed)).toEqual({ text: "from the desk", done: true, error: undefined });
    const client = new OpenAI({ apiKey: bearer, baseURL: `${server.url}/v1` });
    const stream = client.chat.completions.stream({
      model: "desk",
      messages: [{ role: "user", content: "hi" }],
    });
    expect(await stream.finalContent()).toBe("from the desk");
    const bodies = backend.seen.filter(({ method }) => method === "POST").map(({ body }) => body.model);
    expect(new Set(bodies)).toEqual(new Set(["qwen"]));
    const { body } = await server.admin("GET", "/api/v1/audit?action=llm_inference_call");
    expect(body).toMatchObject([{ llm: "desk", status: 200 }, { llm: "desk" }, { llm: "desk" }]);
  });

  it("keeps a private model from everybody else, in every output (failure mode 62)", async () => {
    const { desk, ask, server, outsider, status } = await startTestMachines();
    await desk.start();
    expect(await status("desk")).toBe("active");
    const as = (method: string, path: string, body?: unknown) =>
      server.call(method, path, { bearer: outsider, body });
    const plain = ({ status, text }: { status: number; text: string }, name: string) => ({
      status,
      text: text.replaceAll(name, "NAME").replace(/"req_\w+"/g, "ID"),
    });
    for (const [method, path, body] of [
      ["GET", "/api/v1/llms/NAME"],
      ["GET", "/api/v1/llms/NAME/members"],
      ["PUT", "/api/v1/llms/NAME", { tier: "heavy" }],
      ["DELETE", "/api/v1/llms/NAME"],
      ["POST", "/api/v1/llms/NAME/infer", { messages: [{ role: "user", content: "x" }] }],
      ["POST", "/v1/chat/completions", { model: "NAME", messages: [{ role: "user", content: "x" }] }],
      ["GET", "/v1/models/NAME"],
    ] as [string, string, object?][]) {
      const called = async (name: string) => {
        const own = body && JSON.parse(JSON.stringify(body).replaceAll("NAME", name));
        return plain(await as(method, path.replace("NAME", name), own), name);
      };
      expect(await called("desk"), `${method} ${path}`).toEqual(await called("nowhere"));
    }
    const head = (name: string) =>
      fetch(`${server.url}/api/v1/llms/${name}`, {
        method: "HEAD",
        headers: { authorization: `Bearer ${outsider}` },
      });
    expect([(await head("desk")).status, (await head("nowhere")).status]).toEqual([404, 404]);
    for (const path of ["/api/v1/llms", "/v1/models", "/api/v1/agents", "/api/v1/projects"])
      expect((await as("GET", path)).text, path).not.toContain("desk");
    await ask("desk");
    const metrics = await server.admin("GET", "/metrics");
    expect(metrics.text).not.toMatch(/desk|qwen/);
  });

  it.each([
    ["are refused (failure mode 35)", "refuse"],
    ["lose their header Upgrade in a proxy (failure mode 201)", "strip"],
  ] as const)("posts where WebSocket upgrades %s, and serves the same calls", async (_, blockUpgrade) => {
    const { desk, ask, proxy } = await startTestMachines();
    proxy.options.blockUpgrade = blockUpgrade;
    await desk.start();
    expect(await readStream(await ask("desk", { stream: true }))).toMatchObject({
      text: "from the desk",
      done: true,
    });
    expect(await (await ask("desk")).json()).toMatchObject({ object: "chat.completion" });
    expect(proxy.counters.upgradesBlocked).toBeGreaterThan(0);
  });

  it("has its llm inactive while it is stopped, and brings the same llm back, with the visibility it was given", async () => {
    const { desk, until, server } = await startTestMachines();
    const agent = await desk.start();
    const { body: before } = await server.admin("GET", "/api/v1/llms/desk");
    await server.admin("PUT", "/api/v1/llms/desk", { visibility: "public" });
    agent.kill("SIGTERM");
    expect(await agent.ended).toBe(0);
    await until("desk", "inactive");
    await desk.start();
    const { body: after } = await server.admin("GET", "/api/v1/llms/desk");
    expect(after).toMatchObject({ id: before.id, visibility: "public", origin: "virtual", owner: "alice" });
  });

  it("publishes what is added to its config and withdraws what is removed, while calls go on", async () => {
    const { calls, script, called, finish } = waiting();
    const { desk, ask, until, backend } = await startTestMachines({ backend: script });
    await desk.start();
    const answer = await ask("desk", { stream: true });
    await called();
    const provider = { name: "desk", type: "vllm", model: "qwen", url: backend.url, publish: true };
    desk.configure({ llm: { providers: [provider, { ...provider, name: "other" }] } });
    await until("other", "active");
    desk.configure({ llm: { providers: [provider] } });
    await until("other", undefined);
    finish(calls[0]);
    expect(await readStream(answer)).toEqual({ text: "first last", done: true, error: undefined });
  });

  it("does not start twice in one home (failure mode 43)", async () => {
    const { desk, ask } = await startTestMachines();
    const first = await desk.start();
    const second = await desk.start({ waitFor: [] });
    expect(await second.ended).toBe(1);
    expect(second.said()).toContain(String(first.pid));
    expect((await ask("desk")).status).toBe(200);
  });

  it("ends for good when another agent takes its session, and does not take it back (failure mode 44)", async () => {
    const { desk, workstation, ask } = await startTestMachines();
    const first = await desk.start();
    const copy = workstation();
    copyFileSync(join(desk.home, ".mcpctl/provider-session"), join(copy.home, ".mcpctl/provider-session"));
    const second = await copy.start();
    expect(await first.ended, first.said()).toBe(4);
    await second.logs(/connected/);
    expect((await ask("desk")).status).toBe(200);
  });
});

describe("the agent's machine", () => {
  it("has a local provider answer for an llm that the server cannot reach, for its tools and for chat-llm", async () => {
    const { desk, server, bearer, proxy, backend } = await startTestMachines();
    const llm = { name: "claude", type: "anthropic", model: "c", url: "http://127.0.0.1:1" };
    await server.admin("POST", "/api/v1/llms?probe=false", llm);
    const provider = { name: "desk", type: "vllm", model: "qwen", url: backend.url, failoverFor: "claude" };
    desk.configure({ llm: { providers: [provider] } });
    const agent = await desk.start({ args: ["--listen", "127.0.0.1:0"], waitFor: [] });
    await agent.logs(/can call (\S+)/);
    const env = { MCPCTL_SERVER: proxy.url, MCPCTL_TOKEN: bearer };
    const chat = (line: string) => mcpctl(`${line} chat-llm claude -m hi`, { home: desk.home, env });
    expect(await chat("")).toMatchObject({ code: 0, stdout: "from the desk\n" });
    const direct = await chat("--direct");
    expect([direct.code, direct.stdout]).toEqual([1, ""]);
    expect(direct.stderr).toContain("cannot be reached");
    // Nothing is published: the server knows of no llm but its own.
    expect((await server.admin("GET", "/api/v1/llms")).body.length).toBe(1);
    agent.kill("SIGKILL");
    await agent.ended;
    expect((await chat("")).code).toBe(1);
  });

  it("shows, stops and wakes providers by `mcpctl provider`", async () => {
    const { desk } = await startTestMachines();
    const none = await mcpctl("provider", { home: desk.home });
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("no agent runs")]);
    await desk.start();
    const { code, stdout } = await mcpctl("provider desk status", { home: desk.home });
    expect([code, stdout]).toEqual([0, expect.stringMatching(/State: +active/)]);
    expect((await mcpctl("provider desk down", { home: desk.home })).code).toBe(1);
    expect((await mcpctl("provider dsk", { home: desk.home })).code).toBe(3);
  });
});

describe("a call to an agent's model", () => {
  it("ends in one clear error when the agent is killed after the first byte, and the llm is inactive (failure mode 3)", async () => {
    const { script, called } = waiting();
    const { desk, ask, until } = await startTestMachines({ backend: script });
    const agent = await desk.start();
    const answer = await begun(await ask("desk", { stream: true }));
    await called();
    agent.kill("SIGKILL");
    const { text, done, error } = await readStream(answer);
    expect([text, done]).toEqual(["first ", true]);
    expect(error).toContain("before its response was complete");
    await until("desk", "inactive");
    expect((await ask("desk")).status).toBe(503);
  });

  it("is answered once, by another member of the pool, when the agent is killed before the first byte (failure mode 2)", async () => {
    const held: Connection[] = [];
    const { desk, workstation, ask, backend } = await startTestMachines({
      backend: answering((asked, connection) => {
        held.push(connection);
        if (held.length === 1) return;
        connection.write(streamHead + words("second machine") + ending);
        expect(asked.body.model).toBe("qwen");
      }),
    });
    const provider = { type: "vllm", model: "qwen", url: backend.url, publish: true, poolName: "pool" };
    desk.configure({ llm: { providers: [{ name: "one", ...provider }] } });
    const first = await desk.start({ waitFor: ["one"] });
    const answer = ask("pool", { stream: true });
    await expect.poll(() => held.length).toBe(1);
    await workstation({ llm: { providers: [{ name: "two", ...provider }] } }).start({ waitFor: ["two"] });
    first.kill("SIGKILL");
    // The pool was one when the call began: it is tried again where it was, and there is nobody.
    expect((await answer).status).toBe(503);
    expect(await readStream(await ask("pool", { stream: true }))).toMatchObject({ text: "second machine" });
    const both = ask("one", { stream: true });
    expect(await readStream(await both)).toMatchObject({ text: "second machine", done: true });
  });

  it("ends in one error when the agent loses its connection, and the next call is answered (failure mode 32)", async () => {
    const { calls, script, called, finish } = waiting();
    const { desk, ask, proxy, until } = await startTestMachines({ backend: script });
    await desk.start();
    const answer = await begun(await ask("desk", { stream: true }));
    await called();
    proxy.reset();
    expect((await readStream(answer)).error).toContain("before its response was complete");
    // Nobody waits for what the provider still has to say.
    await calls[0]!.closed;
    await until("desk", "active");
    const again = ask("desk", { stream: true });
    await called(2);
    finish(calls[1]);
    expect(await readStream(await again)).toEqual({ text: "first last", done: true, error: undefined });
  });

  it("goes on over POST when a proxy cuts the event stream (failure mode 34)", async () => {
    const { calls, script, called, finish } = waiting();
    const { desk, ask, proxy, until } = await startTestMachines({ backend: script });
    proxy.options.blockUpgrade = "refuse";
    await desk.start();
    const answer = await begun(await ask("desk", { stream: true }));
    await called();
    proxy.cut();
    await until("desk", "active");
    finish(calls[0]);
    expect(await readStream(answer)).toEqual({ text: "first last", done: true, error: undefined });
  });

  it.each(["websocket", "posts"])(
    "frees the provider at once when its caller leaves, over %s (failure mode 28)",
    async (way) => {
      const { calls, script, called } = waiting();
      const { desk, ask, proxy } = await startTestMachines({ backend: script });
      if (way === "posts") proxy.options.blockUpgrade = "refuse";
      await desk.start();
      const leave = new AbortController();
      await begun(await ask("desk", { stream: true }, { signal: leave.signal }));
      await called();
      const at = performance.now();
      leave.abort();
      await calls[0]!.closed;
      expect(performance.now() - at).toBeLessThan(10_000);
    },
  );

  it("reports a provider that breaks off (failure modes 19, 20)", async () => {
    const { calls, script, called } = waiting();
    const { desk, ask } = await startTestMachines({ backend: script });
    await desk.start();
    const answer = await begun(await ask("desk", { stream: true }));
    await called();
    calls[0]!.end(lastChunk);
    expect(await readStream(answer)).toMatchObject({
      text: "first ",
      done: true,
      error: expect.stringContaining("complete"),
    });
  });
});

describe("a server with an agent", () => {
  it("is found again by the agent after kill -9; calls under way are given up (failure mode 4)", async () => {
    const { calls, script, called } = waiting();
    const { desk, ask, proxy, server } = await startTestMachines({ backend: script });
    await desk.start();
    const answer = await begun(await ask("desk", { stream: true }));
    await called();
    const { body: before } = await server.admin("GET", "/api/v1/llms/desk");
    server.kill("SIGKILL");
    await server.ended;
    await expect(readStream(answer)).rejects.toThrow();
    await calls[0]!.closed;
    const back = await startBinary({ home: server.home });
    proxy.leadTo(back.url);
    const status = async () => (await back.admin("GET", "/api/v1/llms/desk")).body;
    await expect
      .poll(
        async () => {
          const { text } = await back.admin("POST", "/api/v1/llms/desk/infer", {
            messages: [{ role: "user", content: "x" }],
            stream: false,
          });
          return text;
        },
        { interval: 200 },
      )
      .not.toContain("not attached");
    expect(await status()).toMatchObject({ id: before.id });
  });

  it("lets calls under way finish when it stops (failure mode 5)", async () => {
    const { calls, script, called, finish } = waiting();
    const { desk, ask, server } = await startTestMachines({ backend: script });
    await desk.start();
    const answer = await begun(await ask("desk", { stream: true }));
    await called();
    server.kill("SIGTERM");
    await server.logs(/finishing/);
    finish(calls[0]);
    expect(await readStream(answer)).toEqual({ text: "first last", done: true, error: undefined });
    expect(await server.ended).toBe(0);
  });

  it("ends the link and its calls when the agent's login ends (failure modes 39, 40)", async () => {
    const { script, called, calls } = waiting();
    const { desk, ask, server, outsider, until, bearer } = await startTestMachines({ backend: script });
    const agent = await desk.start();
    await server.admin("PUT", "/api/v1/llms/desk", { visibility: "public" });
    const answer = await begun(await ask("desk", { stream: true }, { bearer: outsider }));
    await called();
    await server.call("POST", "/api/v1/auth/logout", { bearer });
    expect((await readStream(answer)).error).toBeTruthy();
    await calls[0]!.closed;
    await until("desk", "inactive");
    await agent.logs(/401|not accept|log in|bearer/i);
  });
});
