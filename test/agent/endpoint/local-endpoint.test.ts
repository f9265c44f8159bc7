import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import type { Providers } from "../../../src/agent/core/provider.ts";
import { openLocalEndpoint } from "../../../src/agent/endpoint/local-endpoint.ts";
import { createOutbound } from "../../../src/net/outbound.ts";
import { BareCaller, until } from "../../support/bare-caller.ts";
import { requestHead, sendRaw } from "../../support/raw-http.ts";
import {
  chatAnswer,
  chatFrames,
  chunk,
  goodProvider,
  reply,
  type Script,
  streamHead,
} from "../../support/upstream.ts";
import { down, local, question, testProviders } from "./local-providers.ts";

describe("the local endpoint", () => {
  it("passes calls on to the server with the caller's bearer, streamed and whole", async () => {
    const { ask, nearby, remote, url, bearer, server } = await testProviders(goodProvider);
    const whole = await ask();
    expect([whole.status, whole.headers.get("x-mcpctl-failover")]).toEqual([200, null]);
    expect(whole.headers.get("x-request-id")).toMatch(/^req_/);
    expect(await whole.json()).toEqual(chatAnswer("hello there"));
    const streamed = await ask({ stream: true });
    expect(streamed.headers.get("content-type")).toBe("text/event-stream");
    expect(await streamed.text()).toBe(chatFrames(["hel", "lo"], false).join(""));
    const models = await new OpenAI({ apiKey: bearer, baseURL: url }).models.list();
    expect(models.data.map(({ id }) => id)).toEqual(["gpt"]);
    const claude = new Anthropic({ apiKey: bearer, baseURL: url.replace("/v1", "") });
    const told = await claude.messages.create({
      ...question,
      messages: [{ role: "user", content: "hi" }],
      max_tokens: 9,
    });
    expect(told.content).toMatchObject([{ type: "text", text: "hello there" }]);
    expect([remote.seen.length, nearby.seen.length]).toEqual([3, 0]);
    const audit = await server.admin("GET", "/api/v1/audit?action=llm_inference_call");
    expect(audit.body.length).toBe(3);
  });

  it("has no right of its own: it returns the server's 401 without a valid bearer", async () => {
    const { ask, nearby } = await testProviders(down);
    expect((await ask({}, {})).status).toBe(401);
    expect((await ask({}, { authorization: "Bearer mcpctl_pat_wrong" })).status).toBe(401);
    expect(nearby.seen).toEqual([]);
  });

  it("responds only to the host name localhost and to paths below /v1 (T72)", async () => {
    const { url, bearer } = await testProviders(goodProvider);
    const at = (path: string, host?: string) =>
      fetch(url.replace("/v1", path), {
        headers: { authorization: `Bearer ${bearer}`, ...(host && { host }) },
      });
    expect((await at("/v1/models", "evil.example")).status).toBe(421);
    // An invalid Host header leaves no URL to parse.
    for (const host of ["[", "localhost:99999", "a b"]) {
      const { status } = await sendRaw(url, requestHead("GET", "/v1/models", { host }));
      expect([host, status]).toEqual([host, 421]);
    }
    for (const path of ["/api/v1/llms", "/", "/v1", "/v1/%2e%2e/api", "/metrics"])
      expect([path, (await at(path)).status]).toEqual([path, 404]);
    expect(() =>
      openLocalEndpoint({
        listen: { hostname: "0.0.0.0", port: 0 },
        server: "http://localhost",
        providers: { all: [] } as unknown as Providers,
        outbound: createOutbound(),
        log: () => {},
      }),
    ).toThrow("does not listen on 0.0.0.0");
  });

  it("passes on a form with files byte for byte, and speech", async () => {
    const speech = Buffer.from([0, 255, 254, 13, 10, 195]);
    const { url, bearer, remote } = await testProviders((asked, connection) => {
      if (asked.path.endsWith("transcriptions")) return connection.write(reply(200, { text: "hello" }));
      connection.write(
        `HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: ${speech.length}\r\n\r\n`,
      );
      connection.write(speech);
    });
    const sdk = new OpenAI({ baseURL: url, apiKey: bearer, maxRetries: 0 });
    const file = new File([new Uint8Array([0, 255, 254, 13, 10, 128])], "a.wav");
    expect((await sdk.audio.transcriptions.create({ model: "gpt", file })).text).toBe("hello");
    expect(remote.seen[0]!.bytes.includes(Buffer.from([0, 255, 254, 13, 10, 128]))).toBe(true);
    const answer = await sdk.audio.speech.create({ model: "gpt", voice: "alloy", input: "Hi" });
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(speech);
  });

  it("passes on the call in a compressed body, and no bomb (T62)", async () => {
    const { url, bearer, remote } = await testProviders(goodProvider);
    const post = (bytes: Uint8Array<ArrayBuffer>) =>
      fetch(`${url}/chat/completions`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${bearer}`,
          "content-type": "application/json",
          "content-encoding": "gzip",
        },
        body: bytes,
      });
    expect((await post(Bun.gzipSync(JSON.stringify(question)))).status).toBe(200);
    expect(remote.seen[0]!.body).toEqual({ ...question, model: "up" });
    expect((await post(Bun.gzipSync(new Uint8Array(100_000_000)))).status).toBe(413);
    expect(remote.seen).toHaveLength(1);
  });

  it("refuses a body of more than 32 MB, also without a length (T59)", async () => {
    const { url, remote, bearer } = await testProviders(local);
    const block = new Uint8Array(1024 * 1024).fill(32);
    const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(block);
    const response = await fetch(`${url}/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body: new ReadableStream({ pull }, { highWaterMark: 0 }),
    });
    expect(response.status).toBe(413);
    expect(remote.seen).toEqual([]);
  });

  it("refuses calls of web pages, and a length that is stated twice (T73, T97)", async () => {
    const { url, ask, remote, bearer } = await testProviders(local);
    for (const origin of ["https://evil.example", "null"])
      expect((await ask({}, { origin })).status).toBe(403);
    const twice = "content-length: 2\r\ncontent-length: 2";
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n${twice}\r\n\r\n{}`;
    expect((await sendRaw(url, head)).status).toBe(400);
    expect(remote.seen).toEqual([]);
    for (const origin of [new URL(url).origin, "tauri://localhost"]) {
      const headers = { origin, authorization: `Bearer ${bearer}` };
      expect((await ask(question, headers)).status).toBe(200);
    }
  });

  it("has so many requests at a time at most, and goes on when they end (T129)", async () => {
    const held: (() => void)[] = [];
    const script: Script = async (asked, connection) => {
      await new Promise<void>((resolve) => held.push(resolve));
      await goodProvider(asked, connection);
    };
    const { ask, bearer, url } = await testProviders(script, { limits: { maxRequests: 2 } });
    const calls = [ask(), ask()];
    await until(() => held.length === 2);
    const refused = await ask();
    expect([
      refused.status,
      refused.headers.get("retry-after"),
      (await refused.json()).error.message,
    ]).toEqual([503, "1", expect.stringContaining("2 requests under way")]);
    for (const end of held) end();
    for (const call of calls) expect((await call).status).toBe(200);
    const models = await fetch(`${url}/models`, { headers: { authorization: `Bearer ${bearer}` } });
    expect(models.status).toBe(200);
  });

  it("closes a connection in the middle of a body that does not go on (T129)", async () => {
    const { url, remote } = await testProviders(goodProvider, { limits: { idleSeconds: 1 } });
    const caller = new BareCaller(Number(new URL(url).port));
    const length = { "content-type": "application/json", "content-length": "100" };
    caller.socket.write(`${requestHead("POST", "/v1/chat/completions", length)}{"model":`);
    await caller.met(() => caller.closed !== undefined);
    expect(remote.seen).toEqual([]);
  });

  it("cancels the server's call when the caller disconnects", async () => {
    const { remote, bearer, url } = await testProviders((_, connection) => {
      connection.write(streamHead + chunk(chatFrames(["a"], false)[0]!));
    });
    const leave = new AbortController();
    const answer = await fetch(`${url}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${bearer}` },
      body: JSON.stringify({ ...question, stream: true }),
      signal: leave.signal,
    });
    await answer.body!.getReader().read();
    leave.abort();
    await remote.closed();
  });
});

describe("a call that goes in a circle (T105)", () => {
  it("is counted on its way to the server, and refused after eight programs", async () => {
    const { ask, remote, nearby, bearer } = await testProviders(goodProvider);
    const headers = { authorization: `Bearer ${bearer}` };
    await (await ask({}, { ...headers, "x-mcpctl-hops": "3" })).text();
    // The endpoint and the server have each counted themselves.
    expect(remote.seen.map((seen) => seen.headers["x-mcpctl-hops"])).toEqual(["5"]);
    const refused = await ask({}, { ...headers, "x-mcpctl-hops": "8" });
    expect([refused.status, (await refused.json()).error.code]).toEqual([508, "loop_detected"]);
    expect([remote.seen.length, nearby.seen.length]).toEqual([1, 0]);
  });
});
