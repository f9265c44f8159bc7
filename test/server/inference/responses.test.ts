import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { recorded, recordedJson } from "../../adapters/translation/streams.ts";
import { lastChunk, reply, type Script, streamHead } from "../../support/upstream.ts";
import { lastEvent, withProvider } from "./setup.ts";

/** A provider of one dialect that answers with recorded responses. */
function recordings(provider: "openai" | "anthropic"): Script {
  return ({ body }, connection) => {
    if (!body.stream) return connection.write(reply(200, recordedJson(`${provider}/text.json`)));
    const bytes = recorded(`${provider}/text.sse`);
    connection.write(`${streamHead}${bytes.length.toString(16)}\r\n`);
    connection.write(bytes);
    connection.write(`\r\n${lastChunk}`);
  };
}

function sdk(url: string, bearer: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: bearer, maxRetries: 0 });
}

describe.each([
  ["openai", { responses: "translated" }, "/v1/chat/completions"],
  ["anthropic", { type: "anthropic", model: "claude-opus-5" }, "/v1/messages"],
] as const)("/v1/responses at a provider of type %s", (type, llm, path) => {
  it("answers OpenAI's SDK, streamed or not, and the calls are recorded", async () => {
    const { provider, server, bearer } = await withProvider(recordings(type), llm);
    const client = sdk(server.url, bearer);
    const whole = await client.responses.create({ model: "gpt", input: "Hi", max_output_tokens: 99 });
    expect(whole).toMatchObject({ object: "response", status: "completed", model: "gpt", store: false });
    expect(whole.output_text.length).toBeGreaterThan(0);
    expect(provider.seen[0]?.path).toBe(path);
    const usage = { promptTokens: whole.usage?.input_tokens, completionTokens: whole.usage?.output_tokens };
    expect(await lastEvent(server)).toMatchObject({
      dialect: "responses",
      status: 200,
      streaming: false,
      ...usage,
    });

    const stream = client.responses.stream({ model: "gpt", input: "Hi" });
    let deltas = "";
    for await (const event of stream) if (event.type === "response.output_text.delta") deltas += event.delta;
    const final = await stream.finalResponse();
    expect(final.output_text).toBe(deltas);
    expect(deltas.length).toBeGreaterThan(0);
    await expect.poll(async () => (await lastEvent(server)).streaming).toBe(true);
    expect(await lastEvent(server)).toMatchObject({ dialect: "responses", status: 200 });
  });
});

describe("/v1/responses", () => {
  it("sends the request to OpenAI unchanged, with store: false", async () => {
    const answer = { id: "resp_1", object: "response", status: "completed", output: [], unknown_field: 1 };
    const { provider, server, call } = await withProvider((_, connection) =>
      connection.write(reply(200, { ...answer, usage: { input_tokens: 7, output_tokens: 3 } })),
    );
    const { status, body } = await call("POST", "/v1/responses", {
      model: "gpt",
      input: "Hi",
      new_field: [1],
    });
    expect([status, body.unknown_field]).toEqual([200, 1]);
    expect(provider.seen[0]?.path).toBe("/v1/responses");
    expect(provider.seen[0]?.body).toEqual({ model: "up", input: "Hi", new_field: [1], store: false });
    expect(await lastEvent(server)).toMatchObject({ promptTokens: 7, completionTokens: 3, model: "up" });
  });

  it("returns 400 for fields that need stored state, before anything is sent", async () => {
    const { provider, call } = await withProvider((_, connection) => connection.write(reply(200, {})));
    for (const more of [{ previous_response_id: "resp_1" }, { background: true }]) {
      const { status, body } = await call("POST", "/v1/responses", { model: "gpt", input: "Hi", ...more });
      expect([status, body.error.param]).toEqual([400, Object.keys(more)[0]]);
    }
    expect((await call("POST", "/v1/responses", { input: "Hi" })).body.error.message).toBe(
      "model is required",
    );
    expect(provider.seen).toEqual([]);
  });

  it("ends a broken stream with an error that the SDK raises", async () => {
    const { server, bearer } = await withProvider(
      (_, connection) => {
        const bytes = recorded("openai/text.sse").subarray(0, 600);
        connection.write(`${streamHead}${bytes.length.toString(16)}\r\n`);
        connection.write(bytes);
        connection.end("\r\n");
      },
      { responses: "translated" },
    );
    const stream = sdk(server.url, bearer).responses.stream({ model: "gpt", input: "Hi" });
    await expect(stream.finalResponse()).rejects.toThrow(/stopped in the middle/);
  });

  it("accepts only native and translated as the llm's setting", async () => {
    const { server } = await withProvider((_, connection) => connection.write(reply(200, {})));
    const { status, body } = await server.admin("PUT", "/api/v1/llms/gpt", {
      responses: "maybe",
    });
    expect([status, body.details[0].path]).toEqual([400, "/responses"]);
  });
});

describe("/v1/messages/count_tokens", () => {
  const request = { model: "gpt", messages: [{ role: "user", content: "How many tokens is this?" }] };

  it("sends the request to Anthropic", async () => {
    const { provider, server, call } = await withProvider(
      (_, connection) => connection.write(reply(200, { input_tokens: 4711 })),
      { type: "anthropic", model: "claude-opus-5" },
    );
    const headers = { "anthropic-beta": "token-counting-2024-11-01" };
    const { status, body } = await call("POST", "/v1/messages/count_tokens", request, headers);
    expect([status, body]).toEqual([200, { input_tokens: 4711 }]);
    expect(provider.seen[0]).toMatchObject({
      path: "/v1/messages/count_tokens",
      body: { model: "claude-opus-5" },
      headers,
    });
    expect(await lastEvent(server)).toMatchObject({ dialect: "count_tokens", status: 200, promptTokens: 0 });
  });

  it("estimates the tokens if the provider cannot count them, without a request", async () => {
    const { provider, call } = await withProvider((_, connection) => connection.write(reply(200, {})));
    const { status, body } = await call("POST", "/v1/messages/count_tokens", request);
    expect(status).toBe(200);
    expect(body.input_tokens).toBeGreaterThan(4);
    expect(body.input_tokens).toBeLessThan(20);
    expect(provider.seen).toEqual([]);
    const refused = await call("POST", "/v1/messages/count_tokens", { ...request, model: "nope" });
    expect([refused.status, refused.body.type]).toEqual([404, "error"]);
  });
});
