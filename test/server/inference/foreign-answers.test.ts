import { describe, expect, it } from "vitest";
import { recordedJson } from "../../adapters/translation/streams.ts";
import { chatAnswer, reply } from "../../support/upstream.ts";
import { onlyEvent, question, withProvider } from "./setup.ts";

const calls = { chat: "/v1/chat/completions", messages: "/v1/messages", responses: "/v1/responses" };
const response = {
  id: "resp_1",
  object: "response",
  status: "completed",
  model: "up",
  output: [
    {
      type: "message",
      id: "msg_1",
      role: "assistant",
      content: [{ type: "output_text", text: "hi", annotations: [] }],
    },
  ],
  usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5 },
};
const message = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "up",
  content: [{ type: "text", text: "hi" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 3, output_tokens: 2 },
};
const answers = { chat: chatAnswer("hi"), messages: message, responses: response };
const asked = { ...question, input: "hi", max_tokens: 9 };
const body = (path: string, stream: boolean) =>
  path.endsWith("responses") ? { model: "gpt", input: "hi", stream } : { ...question, max_tokens: 9, stream };

describe("a whole answer in another dialect than the provider's (case 167)", () => {
  it.each([
    ["openai", answers.messages],
    ["openai", answers.responses],
    ["anthropic", answers.chat],
    ["anthropic", answers.responses],
  ] as const)("of type %s is served to callers of every dialect", async (type, answer) => {
    const llm = { type, ...(type === "openai" && { responses: "translated" }) };
    const { call, server } = await withProvider((_, connection) => connection.write(reply(200, answer)), llm);
    for (const path of Object.values(calls)) {
      const whole = await call("POST", path, body(path, false));
      expect([path, whole.status]).toEqual([path, 200]);
      expect(JSON.stringify(whole.body)).toContain('"hi"');
      const streamed = await call("POST", path, body(path, true));
      expect(streamed.text).toMatch(/"hi"[\s\S]*(?:\[DONE\]|message_stop|response\.completed)/);
    }
    expect(server.logged).toEqual([]);
  });

  it("counts its usage", async () => {
    const { call, server } = await withProvider((_, connection) => connection.write(reply(200, message)));
    const { body } = await call("POST", calls.chat, question);
    expect(body.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 2 });
    expect(await onlyEvent(server)).toMatchObject({ promptTokens: 3, completionTokens: 2 });
  });

  it("is not seen in the provider's own, nor in an error", async () => {
    const own = recordedJson("openai/text.json");
    const plain = await withProvider((_, connection) => connection.write(reply(200, own)));
    expect((await plain.call("POST", calls.chat, question)).body).toEqual(own);
    const failed = { ...response, status: "failed", error: { code: "server_error", message: "no luck" } };
    const { call } = await withProvider((_, connection) => connection.write(reply(200, failed)));
    const { status, body } = await call("POST", calls.chat, question);
    expect([status, body.error.message]).toEqual([500, "no luck"]);
  });
});

describe("the limits of the provider's account (case 163)", () => {
  const limits = {
    "x-ratelimit-remaining-requests": "9",
    "anthropic-ratelimit-tokens-reset": "2026-11-29T10:00:00Z",
  };
  const headers = { ...limits, "set-cookie": "a=b", "x-secret": "s", "x-ratelimit-bad name": "x" };
  const withHeaders = (status: number, answer: object, llm: object = {}) => {
    const text = JSON.stringify(answer);
    const lines = Object.entries(headers)
      .filter(([name]) => !name.includes(" "))
      .map(([name, value]) => `${name}: ${value}\r\n`);
    return withProvider(
      (_, connection) =>
        connection.write(
          `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\n${lines.join("")}content-length: ${text.length}\r\n\r\n${text}`,
        ),
      llm,
    );
  };

  it("reach the caller with answers, streams and refusals, and no other header does", async () => {
    for (const [status, answer] of [
      [200, chatAnswer("hi")],
      [429, { error: { message: "slow down" } }],
    ] as const) {
      const { call } = await withHeaders(status, answer);
      for (const path of [calls.chat, calls.messages])
        for (const stream of [false, true]) {
          const got = (await call("POST", path, { ...asked, input: undefined, stream })).headers;
          for (const [name, value] of Object.entries(limits)) expect(got.get(name)).toBe(value);
          expect([got.get("set-cookie"), got.get("x-secret")]).toEqual([null, null]);
        }
    }
  });

  it("do not reach the caller of a persona", async () => {
    const { server } = await withHeaders(200, chatAnswer("hi"));
    await server.admin("POST", "/api/v1/agents", { name: "poet", llm: "gpt", visibility: "public" });
    const got = await server.admin("POST", calls.chat, { ...question, model: "agent:poet" });
    expect([got.status, ...Object.keys(limits).map((name) => got.headers.get(name))]).toEqual([
      200,
      null,
      null,
    ]);
  });
});

describe("count_tokens at a relay of Anthropic (case 168)", () => {
  it.each([404, 405, 501])("that has no such path (%i) is estimated", async (status) => {
    const { call } = await withProvider(
      (_, connection) => connection.write(reply(status, { error: { message: "no such path" } })),
      { type: "anthropic" },
    );
    const counted = await call("POST", "/v1/messages/count_tokens", question);
    expect([counted.status, counted.body.input_tokens > 0]).toEqual([200, true]);
  });

  it("that refuses the request keeps its words", async () => {
    const { call } = await withProvider(
      (_, connection) => connection.write(reply(400, { error: { message: "the words" } })),
      { type: "anthropic" },
    );
    const { status, body } = await call("POST", "/v1/messages/count_tokens", question);
    expect([status, body.error.message]).toEqual([400, "the words"]);
  });
});

describe("POST /v1/responses/input_tokens (case 185)", () => {
  const path = "/v1/responses/input_tokens";

  it("is OpenAI's own count, without fields that only answers have", async () => {
    const count = { object: "response.input_tokens", input_tokens: 42 };
    const { call, provider, server } = await withProvider((_, connection) =>
      connection.write(reply(200, count)),
    );
    expect((await call("POST", path, { model: "gpt", input: "hi" })).body).toEqual(count);
    expect(provider.seen).toMatchObject([{ path, body: { model: "up", input: "hi" } }]);
    expect(Object.keys(provider.seen[0]!.body).toSorted()).toEqual(["input", "model"]);
    expect(await onlyEvent(server)).toMatchObject({ dialect: "input_tokens", status: 200, promptTokens: 0 });
  });

  it.each([
    ["anthropic", 200],
    ["vllm", 200],
    ["openai", 404],
  ])("is estimated at type %s that answers %i", async (type, status) => {
    const { call } = await withProvider((_, connection) => connection.write(reply(status, {})), { type });
    const { body } = await call("POST", path, { model: "gpt", input: "one two three" });
    expect(body).toEqual({ object: "response.input_tokens", input_tokens: expect.any(Number) });
    expect(body.input_tokens).toBeGreaterThan(3);
  });

  it("is refused without a right to run the llm", async () => {
    const { call } = await withProvider((_, connection) => connection.write(reply(200, {})));
    expect((await call("POST", path, { model: "other", input: "x" })).status).toBe(404);
  });
});
