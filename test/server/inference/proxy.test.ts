import { describe, expect, it } from "vitest";
import { recorded, recordings } from "../../adapters/translation/streams.ts";
import { must } from "../../support/server.ts";
import { chatFrames, chunk, goodProvider, lastChunk, reply, streamHead } from "../../support/upstream.ts";
import { canary, lastEvent, question, withProvider } from "./setup.ts";

describe("a call that is not streamed", () => {
  it("sends the caller's bytes unchanged, except for model and credentials", async () => {
    const { provider, call, server } = await withProvider(goodProvider);
    const text =
      '{ "seed" : 12345678901234567890, "model":"gpt",\n"messages":[{"role":"user","content":"\\u00e9"}] }';
    const answer = await call("POST", "/v1/chat/completions", text);
    expect(answer.status).toBe(200);
    expect(answer.body.choices[0].message.content).toBe("hello there");
    expect(provider.seen[0]!.text).toBe(text.replace('"gpt"', '"up"'));
    expect(provider.seen[0]!.headers["authorization"]).toBe(`Bearer ${canary}`);
    expect(await lastEvent(server)).toMatchObject({
      llm: "gpt",
      model: "up",
      status: 200,
      promptTokens: 7,
      completionTokens: 2,
      streaming: false,
    });
    expect(answer.text).not.toContain(canary);
  });

  it("returns 400 without messages, and the provider gets no request", async () => {
    const { provider, call } = await withProvider(goodProvider);
    const answer = await call("POST", "/api/v1/llms/gpt/infer", { messages: [] });
    expect(answer.status).toBe(400);
    expect(answer.body.error).toBe("messages is required");
    expect(provider.seen).toEqual([]);
  });

  it("accepts the name of the llm, its pool or its model under /infer, and no other model", async () => {
    const { call } = await withProvider(goodProvider, { poolName: "pool" });
    const { messages } = question;
    for (const model of ["", "gpt", "pool", "up", undefined]) {
      expect((await call("POST", "/api/v1/llms/gpt/infer", { model, messages })).status).toBe(200);
    }
    expect((await call("POST", "/api/v1/llms/gpt/infer", { model: "other", messages })).status).toBe(400);
    expect((await call("POST", "/v1/chat/completions", { model: "pool", messages })).status).toBe(200);
  });

  it.each([
    [401, 502, "the provider rejected the credential"],
    [403, 403, "slow down [redacted]"],
    [429, 429, "slow down [redacted]"],
    [400, 400, "slow down [redacted]"],
    [500, 500, "slow down [redacted]"],
    [302, 502, "the provider redirected (302); redirects are not followed"],
  ])(
    "turns a provider's %i into %i, without the key it repeats (T06, T35)",
    async (status, expected, message) => {
      const { call, server } = await withProvider((_, connection) => {
        connection.write(
          reply(
            status,
            { error: { message: `slow down ${canary}`, type: "x" } },
            { "retry-after": "70", location: "http://127.0.0.1:1/", "set-cookie": "a=b" },
          ),
        );
      });
      const answer = await call("POST", "/v1/chat/completions", question);
      expect(answer.status).toBe(expected);
      expect(answer.body.error.message).toBe(message);
      expect(answer.headers.get("set-cookie")).toBeNull();
      if (status === 429) expect(answer.headers.get("retry-after")).toBe("70");
      expect(JSON.stringify([answer.text, server.logged, await lastEvent(server)])).not.toContain(canary);
      expect(await lastEvent(server)).toMatchObject({ status: expected });
    },
  );

  it("returns 502 when the provider's response is not usable", async () => {
    const { call } = await withProvider((_, connection) =>
      connection.write(reply(200, "<html>", { "content-type": "text/html" })),
    );
    const answer = await call("POST", "/v1/chat/completions", question);
    expect([answer.status, answer.body.error.message]).toEqual([502, "the provider's response is not JSON"]);
  });

  it("names the secret and key, and never a value, when the key cannot be read", async () => {
    const { call, server, provider } = await withProvider(goodProvider);
    await must(server.admin("PUT", "/api/v1/secrets/key", { data: { other: canary, k: null } }));
    const answer = await call("POST", "/v1/chat/completions", question);
    expect(answer.status).toBe(500);
    expect(answer.body.error.message).toBe('cannot read key "k" of secret "key"');
    expect(provider.seen).toEqual([]);
  });
});

describe("a streamed call", () => {
  it("sends frames unchanged, and removes the usage that the caller did not ask for", async () => {
    const { call, provider, server } = await withProvider(goodProvider);
    const answer = await call("POST", "/v1/chat/completions", { ...question, stream: true });
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    expect(answer.headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(answer.text).toBe(chatFrames(["hel", "lo"], false).join(""));
    expect(provider.seen[0]!.body.stream_options).toEqual({ include_usage: true });
    expect(await lastEvent(server)).toMatchObject({
      streaming: true,
      promptTokens: 7,
      completionTokens: 2,
      ttftMs: expect.any(Number),
    });
  });

  it("sends the usage to a caller who asked for it", async () => {
    const { call } = await withProvider(goodProvider);
    const answer = await call("POST", "/v1/chat/completions", {
      ...question,
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(answer.text).toBe(chatFrames(["hel", "lo"], true).join(""));
  });

  it("adds [DONE] if the provider leaves it out", async () => {
    const { call } = await withProvider((_, connection) => {
      connection.write(streamHead);
      for (const frame of chatFrames(["a"], false).slice(0, -1)) connection.write(chunk(frame));
      connection.write(lastChunk);
    });
    const answer = await call("POST", "/v1/chat/completions", { ...question, stream: true });
    expect(answer.text.endsWith("data: [DONE]\n\n")).toBe(true);
    expect(answer.text).not.toContain('"error"');
  });

  it.each([
    ["closes", (c: { end(): void }) => c.end()],
    ["resets", (c: { reset(): void }) => c.reset()],
  ])("ends with one error frame when the provider %s before its response is complete", async (_, die) => {
    const { call, server } = await withProvider((_asked, connection) => {
      connection.write(streamHead + chunk(chatFrames(["a"], false)[1]!) + chunk('data: {"cut'));
      die(connection);
    });
    const answer = await call("POST", "/v1/chat/completions", { ...question, stream: true });
    const frames = answer.text.split("\n\n").filter(Boolean);
    expect(frames.at(-1)).toBe("data: [DONE]");
    expect(JSON.parse(frames.at(-2)!.slice(6)).error.message).toMatch(
      /before its response was complete|stopped in the middle/,
    );
    expect(answer.text.match(/"error"/g)).toHaveLength(1);
    expect(await lastEvent(server)).toMatchObject({ status: 502, error: "provider_error" });
  });

  it.each([
    ...recordings("openai").map((name) => ["openai", "/v1/chat/completions", name] as const),
    ...recordings("anthropic").map((name) => ["anthropic", "/v1/messages", name] as const),
  ])("in the dialect of %s at %s is sent unchanged: %s", async (type, path, name) => {
    const bytes = recorded(name).toString();
    const { call } = await withProvider(
      (_, connection) => connection.write(streamHead + chunk(bytes) + lastChunk),
      { type },
    );
    const body = { ...question, stream: true, stream_options: { include_usage: true } };
    const { text } = await call("POST", path, body);
    if (!name.endsWith("error.sse")) return expect(text).toBe(bytes);
    // Up to the error of the provider, which the server words itself.
    const before = bytes.slice(0, bytes.search(/(event: error\n)?data: [^\n]*"error"/));
    expect(text.slice(0, before.length)).toBe(before);
    expect(text.slice(before.length)).not.toContain(bytes.slice(before.length));
  });

  it("ends when the token is deleted (T56)", async () => {
    const { call, server } = await withProvider((_, connection) => {
      connection.write(streamHead + chunk(chatFrames(["a"], false)[1]!));
      void server.admin("DELETE", "/api/v1/tokens/t");
    });
    const answer = await call("POST", "/v1/chat/completions", { ...question, stream: true });
    expect(answer.text).toContain("the bearer is no longer valid");
    expect((await call("GET", "/v1/models")).status).toBe(401);
  });
});
