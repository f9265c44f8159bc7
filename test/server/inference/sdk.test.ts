import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { recorded, recordedJson } from "../../adapters/translation/streams.ts";
import { must, type TestServer, testServer } from "../../support/server.ts";
import { lastChunk, reply, type Script, type Seen, streamHead, upstream } from "../../support/upstream.ts";
import { addLlm, canary, events, lastEvent } from "./setup.ts";

/**
 * A provider that speaks its own dialect and answers with recordings, a stream cut in the middle of lines and of
 * characters. "fail 429" as the last words of a conversation makes it answer with that status.
 */
function recordings(provider: "openai" | "anthropic"): Script {
  return (request, connection) => {
    const [, status] = /"fail (\d+)"/.exec(request.text) ?? [];
    if (status) return connection.write(reply(Number(status), failure(provider, canary)));
    if (request.path === "/v1/embeddings") return connection.write(reply(200, embedding));
    const name = request.body.tools ? "tools" : "text";
    if (!request.body.stream) return connection.write(reply(200, recordedJson(`${provider}/${name}.json`)));
    connection.write(streamHead);
    const bytes = recorded(`${provider}/${name === "tools" ? "parallel-tools" : name}.sse`);
    for (let at = 0; at < bytes.length; at += 333) {
      const piece = bytes.subarray(at, at + 333);
      connection.write(`${piece.length.toString(16)}\r\n`);
      connection.write(piece);
      connection.write("\r\n");
    }
    connection.write(lastChunk);
  };
}

const failure = (provider: string, key: string) =>
  provider === "openai"
    ? { error: { message: `no luck with ${key}`, type: "some_error", param: null, code: null } }
    : { type: "error", error: { type: "api_error", message: `no luck with ${key}` }, request_id: "req_1" };

const embedding = {
  object: "list",
  model: "text-embedding-3-small",
  data: [
    {
      object: "embedding",
      index: 0,
      embedding: Buffer.from(new Float32Array([0.5, -1, 2]).buffer).toString("base64"),
    },
  ],
  usage: { prompt_tokens: 3, total_tokens: 3 },
};

/** Both SDKs on one server with an llm of each provider type: `of-openai`, `of-anthropic`. */
async function withSdks(grants: object[] = [{ role: "run", resource: "llms" }]) {
  const server = await testServer();
  await must(server.admin("POST", "/api/v1/secrets", { name: "key", data: { k: canary } }));
  const seen: Record<string, Seen[]> = {};
  for (const type of ["openai", "anthropic"] as const) {
    const provider = upstream(recordings(type));
    seen[type] = provider.seen;
    await addLlm(server, { name: `of-${type}`, type, url: provider.url });
  }
  const { bearer } = await server.token("t", grants);
  return { server, seen, ...sdks(server, bearer) };
}

function sdks(server: TestServer, bearer: string) {
  const options = { apiKey: bearer, maxRetries: 0 };
  return {
    openai: new OpenAI({ ...options, baseURL: `${server.url}/v1` }),
    anthropic: new Anthropic({ ...options, baseURL: server.url }),
  };
}

const messages = [{ role: "user" as const, content: "hello" }];
const whole = "Grüße aus 東京.";
const parameters = { type: "object" as const, properties: { city: { type: "string" } } };
const chatTools = [{ type: "function" as const, function: { name: "get_weather", parameters } }];
const messagesTools = [{ name: "get_weather", input_schema: parameters }];

describe.each([
  {
    type: "openai",
    streamed: 'Grüße aus 東京 👋🏽. Say "usage": "finish_reason": [DONE]\n\\ "error".',
    usage: { prompt_tokens: 24, completion_tokens: 9 },
    calls: ["get_weather", "get_time"],
  },
  {
    type: "anthropic",
    streamed: 'Grüße aus 東京 👋🏽: "type":"message_stop" and "error"\n',
    usage: { prompt_tokens: 126, completion_tokens: 12 },
    calls: ["get_weather", "list_zones"],
  },
])("OpenAI's SDK, with a provider of type $type", ({ type, streamed, usage, calls }) => {
  const model = `of-${type}`;

  it("gets a response that is not streamed", async () => {
    const { openai, server } = await withSdks();
    const answer = await openai.chat.completions.create({ model, messages });
    expect(answer.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: whole } });
    expect(answer.usage).toMatchObject(usage);
    expect(await lastEvent(server)).toMatchObject({
      llm: model,
      dialect: "chat",
      promptTokens: usage.prompt_tokens,
    });
  });

  it("gets a stream, with usage only if it asks for it", async () => {
    const { openai, server } = await withSdks();
    for (const include_usage of [true, false]) {
      const stream = await openai.chat.completions.create({
        model,
        messages,
        stream: true,
        stream_options: { include_usage },
      });
      let text = "";
      const usages: object[] = [];
      for await (const { choices, usage: reported } of stream) {
        text += choices[0]?.delta.content ?? "";
        if (reported) usages.push(reported);
      }
      expect(text).toBe(streamed);
      expect(usages).toMatchObject(include_usage ? [usage] : []);
    }
    const counted = {
      streaming: true,
      promptTokens: usage.prompt_tokens,
      completionTokens: usage.completion_tokens,
    };
    expect(await events(server)).toMatchObject([counted, counted]);
  });

  it("gets tool calls, streamed or not", async () => {
    const { openai } = await withSdks();
    const request = { model, messages, tools: chatTools };
    for (const answer of [
      await openai.chat.completions.create(request),
      await openai.chat.completions.stream(request).finalChatCompletion(),
    ]) {
      const [choice] = answer.choices;
      expect(choice?.finish_reason).toBe("tool_calls");
      const made = (choice?.message.tool_calls ?? []).flatMap((call) =>
        "function" in call ? call.function : [],
      );
      expect(made.map(({ name }) => name)).toEqual(calls);
      expect(JSON.parse(made[0]!.arguments)).toEqual({ city: "Zürich" });
    }
  });

  it.each([
    [400, OpenAI.BadRequestError, 400],
    [404, OpenAI.NotFoundError, 404],
    [429, OpenAI.RateLimitError, 429],
    [401, OpenAI.InternalServerError, 502],
    [403, OpenAI.PermissionDeniedError, 403],
    [500, OpenAI.InternalServerError, 500],
    [529, OpenAI.InternalServerError, 529],
  ])("raises its own error for status %i of the provider", async (status, raised, expected) => {
    const { openai, server } = await withSdks();
    const request = { model, messages: [{ role: "user" as const, content: `fail ${status}` }] };
    for (const stream of [false, true]) {
      const error = await openai.chat.completions.create({ ...request, stream }).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(error).toBeInstanceOf(raised);
      expect(error).toMatchObject({ status: expected, error: { message: expect.any(String), param: null } });
      expect(String(error)).not.toContain(canary);
    }
    expect(await events(server)).toMatchObject([{ status: expected }, { status: expected }]);
  });
});

describe.each([
  {
    type: "openai",
    streamed: 'Grüße aus 東京 👋🏽. Say "usage": "finish_reason": [DONE]\n\\ "error".',
    usage: { input_tokens: 8, cache_read_input_tokens: 16, output_tokens: 9 },
    calls: ["get_weather", "get_time"],
  },
  {
    type: "anthropic",
    streamed: 'Grüße aus 東京 👋🏽: "type":"message_stop" and "error"\n',
    usage: { input_tokens: 21, cache_read_input_tokens: 100, output_tokens: 12 },
    calls: ["get_weather", "list_zones"],
  },
])("Anthropic's SDK, with a provider of type $type", ({ type, streamed, usage, calls }) => {
  const request = { model: `of-${type}`, max_tokens: 100, messages };

  it("gets a response that is not streamed", async () => {
    const { anthropic, server } = await withSdks();
    const answer = await anthropic.messages.create(request);
    expect(answer.content.map((block) => (block.type === "text" ? block.text : block)).join("")).toBe(whole);
    expect(answer).toMatchObject({ stop_reason: "end_turn", usage });
    expect(await lastEvent(server)).toMatchObject({
      llm: request.model,
      dialect: "messages",
      completionTokens: usage.output_tokens,
    });
  });

  it("gets a stream that forms a complete message", async () => {
    const { anthropic, server } = await withSdks();
    const message = await anthropic.messages.stream(request).finalMessage();
    expect(message).toMatchObject({
      stop_reason: "end_turn",
      usage,
      content: [{ type: "text", text: streamed }],
    });
    expect(await events(server)).toMatchObject([
      { streaming: true, status: 200, completionTokens: usage.output_tokens },
    ]);
  });

  it("gets tool use, streamed or not", async () => {
    const { anthropic } = await withSdks();
    const withTools = { ...request, tools: messagesTools };
    for (const message of [
      await anthropic.messages.create(withTools),
      await anthropic.messages.stream(withTools).finalMessage(),
    ]) {
      expect(message.stop_reason).toBe("tool_use");
      const uses = message.content.filter((block) => block.type === "tool_use");
      expect(uses.map(({ name }) => name)).toEqual(calls);
      expect(uses[0]?.input).toEqual({ city: "Zürich" });
    }
  });

  it.each([
    [400, Anthropic.BadRequestError, 400],
    [404, Anthropic.NotFoundError, 404],
    [429, Anthropic.RateLimitError, 429],
    [401, Anthropic.InternalServerError, 502],
    [403, Anthropic.PermissionDeniedError, 403],
    [500, Anthropic.InternalServerError, 500],
    [529, Anthropic.InternalServerError, 529],
  ])("raises its own error for status %i of the provider", async (status, raised, expected) => {
    const { anthropic } = await withSdks();
    const failing = { ...request, messages: [{ role: "user" as const, content: `fail ${status}` }] };
    for (const stream of [false, true]) {
      const error = await anthropic.messages.create({ ...failing, stream }).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(error).toBeInstanceOf(raised);
      expect(error).toMatchObject({
        status: expected,
        error: { type: "error", error: { message: expect.any(String) } },
      });
      expect(String(error)).not.toContain(canary);
    }
  });
});

describe("the list of models", () => {
  it("is readable by both SDKs, and has the llms that the caller may run", async () => {
    const { openai, anthropic } = await withSdks([{ role: "run", resource: "llms", name: "of-openai" }]);
    const listed = [
      await Array.fromAsync(openai.models.list()),
      await Array.fromAsync(anthropic.models.list()),
    ];
    // The picker of Claude Code shows names that begin with anthropic.
    const own = ["of-openai"];
    expect(listed.map((models) => models.map(({ id }) => id))).toEqual([
      own,
      [...own, "anthropic/of-openai"],
    ]);
    expect(await openai.models.retrieve("of-openai")).toMatchObject({ object: "model", owned_by: "openai" });
    expect(await anthropic.models.retrieve("of-openai")).toMatchObject({
      type: "model",
      display_name: "of-openai",
    });
    await expect(openai.models.retrieve("of-anthropic")).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(anthropic.models.retrieve("of-anthropic")).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  });
});

describe("embeddings", () => {
  it("are sent and returned unchanged", async () => {
    const { openai, server, seen } = await withSdks();
    const answer = await openai.embeddings.create({ model: "of-openai", input: ["a", "b"] });
    expect(answer.data[0]?.embedding).toEqual([0.5, -1, 2]);
    expect(seen["openai"]).toMatchObject([
      { path: "/v1/embeddings", body: { model: "up", input: ["a", "b"] } },
    ]);
    expect(await lastEvent(server)).toMatchObject({
      dialect: "embeddings",
      streaming: false,
      promptTokens: 3,
      completionTokens: 0,
    });
  });

  it("return 400 for a provider that has none", async () => {
    const { openai, seen } = await withSdks();
    const request = openai.embeddings.create({ model: "of-anthropic", input: "a" });
    await expect(request).rejects.toMatchObject({
      status: 400,
      error: {
        message: "this llm's provider has no embeddings (it has /v1/messages, /v1/messages/count_tokens)",
      },
    });
    expect(seen["anthropic"]).toEqual([]);
  });
});

describe("a mistake of the caller", () => {
  it("raises the right error class in both SDKs, and the provider gets no request", async () => {
    const { server, seen, openai, anthropic } = await withSdks([
      { role: "run", resource: "llms", name: "of-openai" },
    ]);
    const chat = (model: string, sdk = openai, body = messages) =>
      sdk.chat.completions.create({ model, messages: body });
    const say = (model: string, sdk = anthropic, body = messages) =>
      sdk.messages.create({ model, max_tokens: 9, messages: body });
    const strange = sdks(server, "mcp_nobody");
    await expect(chat("of-openai", strange.openai)).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await expect(say("of-openai", strange.anthropic)).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
    await expect(chat("of-anthropic")).rejects.toBeInstanceOf(OpenAI.PermissionDeniedError);
    await expect(say("of-anthropic")).rejects.toBeInstanceOf(Anthropic.PermissionDeniedError);
    await expect(chat("of-openai", openai, [])).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    await expect(say("of-openai", anthropic, [])).rejects.toBeInstanceOf(Anthropic.BadRequestError);
    const all = sdks(server, (await server.token("all", [{ role: "run", resource: "llms" }])).bearer);
    await expect(chat("nothing", all.openai)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(say("nothing", all.anthropic)).rejects.toBeInstanceOf(Anthropic.NotFoundError);
    expect(seen).toEqual({ openai: [], anthropic: [] });
  });
});
