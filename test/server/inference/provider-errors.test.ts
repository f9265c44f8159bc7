import { describe, expect, it } from "vitest";
import { must } from "../../support/server.ts";
import { chunk, goodProvider, lastChunk, reply, streamHead, upstream } from "../../support/upstream.ts";
import { addLlm, canary, events, question, withProvider } from "./setup.ts";

const chatPath = "/v1/chat/completions";
const messagesPath = "/v1/messages";
const request = { ...question, max_tokens: 9 };

const failing = (type: string, status: number, body: unknown, headers: Record<string, string> = {}) =>
  withProvider((_, connection) => connection.write(reply(status, body, headers)), { type });

describe("the error of a provider (case 86)", () => {
  const error = {
    message: "You passed 99073 input tokens, the limit is 99072.",
    type: "invalid_request_error",
    param: "messages",
    code: "context_length_exceeded",
    failed_generation: { tokens: [1, 2] },
  };

  it("reaches a caller of its own dialect with every field", async () => {
    const { call } = await failing("openai", 400, { error });
    expect((await call("POST", chatPath, request)).body).toEqual({ error });
    expect((await call("POST", "/v1/responses", { model: "gpt", input: "x" })).body).toEqual({ error });
  });

  it("keeps its fields in a stream, before and after the first byte", async () => {
    for (const before of ["", 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n']) {
      const { call } = await withProvider((_, connection) =>
        connection.write(streamHead + chunk(`${before}data: ${JSON.stringify({ error })}\n\n`) + lastChunk),
      );
      const { status, text } = await call("POST", chatPath, { ...request, stream: true });
      expect(status).toBe(before ? 200 : 400);
      expect(text).toContain(JSON.stringify(error).slice(1, -1));
    }
  });

  it("of Anthropic keeps its fields for a caller of messages", async () => {
    const own = { type: "overloaded_error", message: "busy", details: { error_code: "x" } };
    const { call } = await failing(
      "anthropic",
      529,
      { type: "error", error: own },
      { "retry-after": "3600" },
    );
    expect((await call("POST", messagesPath, request)).body.error).toEqual(own);
    expect((await call("POST", chatPath, request)).body.error).toEqual({
      message: "busy",
      type: "overloaded_error",
      code: "provider_error",
      param: null,
    });
  });

  it("never holds the key, in no field (T35)", async () => {
    const leaky = { message: "no", type: canary, code: canary, param: canary, raw: { list: [canary] } };
    const { call, server } = await failing("openai", 400, { error: leaky });
    const { body, text } = await call("POST", chatPath, request);
    expect(body.error.raw.list).toEqual(["[redacted]"]);
    expect(text + JSON.stringify([server.logged, await events(server)])).not.toContain(canary);
  });

  it("is passed on without its fields when they are too many or too deep", async () => {
    const deep = JSON.parse(`${'{"a":'.repeat(50)}1${"}".repeat(50)}`);
    for (const more of [{ deep }, { long: "x".repeat(20_000) }]) {
      const { call } = await failing("openai", 400, { error: { ...error, ...more } });
      const { status, body } = await call("POST", chatPath, request);
      expect([status, body.error.message]).toEqual([400, error.message]);
      expect(body.error).not.toHaveProperty(Object.keys(more)[0]!);
    }
  });
});

describe("a request that does not fit into the context (case 87)", () => {
  it("is told to callers of messages in the words on which Claude Code compacts", async () => {
    const message =
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 130462 tokens.";
    const { call } = await failing("openai", 400, { error: { message, code: "context_length_exceeded" } });
    const { status, body } = await call("POST", messagesPath, request);
    expect([status, body.error]).toEqual([
      400,
      {
        type: "invalid_request_error",
        message: `prompt is too long: 130462 tokens > 128000 maximum (${message})`,
      },
    ]);
  });

  it("is told as too much output where the prompt alone would fit", async () => {
    const message =
      "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (1000 in the messages, 4000 in the completion).";
    const { call } = await failing("vllm", 400, { object: "error", message, code: 400 });
    const { body } = await call("POST", messagesPath, request);
    expect(body.error.message).toMatch(
      /^input length and `max_tokens` exceed context limit: 1000 \+ 4000 > 4096, /,
    );
  });

  it("is no failure of the provider that a client would repeat (case 154)", async () => {
    const message = "input is too large to process. increase the physical batch size";
    const { call } = await failing("llama.cpp", 500, { error: { code: 500, message, type: "server_error" } });
    expect((await call("POST", messagesPath, request)).status).toBe(400);
    expect((await call("POST", chatPath, request)).status).toBe(400);
  });

  it("has OpenAI's code for callers of chat and responses", async () => {
    const error = {
      type: "invalid_request_error",
      message: "prompt is too long: 210000 tokens > 200000 maximum",
    };
    const { call } = await failing("anthropic", 400, { type: "error", error });
    expect((await call("POST", chatPath, request)).body.error).toMatchObject({
      code: "context_length_exceeded",
      message: error.message,
    });
    const responses = await call("POST", "/v1/responses", { model: "gpt", input: "x" });
    expect(responses.body.error.code).toBe("context_length_exceeded");
    // Anthropic's own sentence is not repeated.
    expect((await call("POST", messagesPath, request)).body.error.message).toBe(error.message);
  });
});

describe("a refusal with 401 or 403", () => {
  it("of the content keeps its words, is the caller's, and is asked of no other member", async () => {
    const flagged = { error: { code: 403, message: 'your input was flagged for "violence"' } };
    const { call, server, provider } = await failing("openai", 403, flagged);
    const other = upstream((_, connection) => connection.write(reply(403, flagged)));
    await must(server.admin("PUT", "/api/v1/llms/gpt", { poolName: "two" }));
    await addLlm(server, { name: "other", url: other.url, poolName: "two" });
    const { status, body } = await call("POST", chatPath, request);
    expect([status, body.error.message]).toEqual([403, 'your input was flagged for "violence"']);
    expect([...provider.seen, ...other.seen]).toHaveLength(1);
  });

  it("of the key says nothing of the provider's words to the caller", async () => {
    const { call } = await failing("openai", 403, { error: { message: "Your API key lacks a permission" } });
    const { status, body } = await call("POST", chatPath, request);
    expect([status, body.error.code, body.error.message]).toEqual([
      502,
      "provider_rejected_credential",
      "the provider rejected the credential",
    ]);
  });

  it("of the region is the caller's 403", async () => {
    const error = { code: "unsupported_country_region_territory", message: "Country not supported" };
    const { call } = await failing("openai", 403, { error });
    expect((await call("POST", chatPath, request)).body.error).toMatchObject(error);
  });
});

describe("an error in words that say little (case 170)", () => {
  it.each([["invalid_request_error"], ["1261"], [400], [null]])(
    "has the code for a full context in place of %j",
    async (code) => {
      const error = { message: "Prompt exceeds max length", code };
      const { call } = await failing("openai", 400, { error });
      expect((await call("POST", chatPath, request)).body.error).toMatchObject({
        code: "context_length_exceeded",
        type: "invalid_request_error",
      });
    },
  );

  it("keeps a code of its own that says something", async () => {
    const error = {
      message: "prompt token count of 9 exceeds the limit of 8",
      code: "model_max_prompt_tokens",
    };
    const { call } = await failing("openai", 400, { error });
    expect((await call("POST", chatPath, request)).body.error.code).toBe("model_max_prompt_tokens");
  });

  it("has the type of its status for callers of messages", async () => {
    const error = { message: "model 'm' not found", type: "api_error" };
    const { call } = await failing("openai", 404, { error });
    expect((await call("POST", messagesPath, request)).body.error.type).toBe("not_found_error");
  });

  it("does not say Anthropic's sentence twice", async () => {
    const message = "prompt is too long: 201 tokens > 200 maximum";
    const { call } = await failing("openai", 400, { error: { message } });
    expect((await call("POST", messagesPath, request)).body.error.message).toBe(message);
  });

  it("is a limit of rate where only its words say so", async () => {
    const { call } = await failing("openai", 200, {
      base_resp: { status_code: 1002, status_msg: "rate limit" },
    });
    expect((await call("POST", messagesPath, request)).status).toBe(429);
  });
});

describe("the retry of a refusal (case 90)", () => {
  it("waits until a limit that is used up is there again (case 175)", async () => {
    const { call, provider } = await failing(
      "openai",
      429,
      { error: { message: "slow down" } },
      { "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "40s" },
    );
    const { headers } = await call("POST", chatPath, request);
    expect([headers.get("retry-after"), provider.seen.length]).toEqual(["40", 1]);
  });

  it("does not happen for want of money", async () => {
    const { call, provider } = await failing("openai", 429, {
      error: { message: "You exceeded your current quota", code: "insufficient_quota" },
    });
    expect((await call("POST", chatPath, request)).status).toBe(429);
    expect(provider.seen).toHaveLength(1);
  });

  it("waits as long as Google's RetryInfo says, and the caller is told", async () => {
    const details = [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "40s" }];
    const { call, provider } = await failing("openai", 429, [
      { error: { code: 429, message: "exceeded your current quota", details } },
    ]);
    const { status, headers } = await call("POST", chatPath, request);
    expect([status, headers.get("retry-after")]).toEqual([429, "40"]);
    // 40 s do not fit into the time of a call.
    expect(provider.seen).toHaveLength(1);
  });

  it.each([
    [404, { error: { message: "The model `up` does not exist", code: "model_not_found" } }],
    [501, { error: { message: "no such operation" } }],
    [
      400,
      {
        error: {
          message: "the encrypted content x could not be verified",
          code: "invalid_encrypted_content",
        },
      },
    ],
    [400, { error: { message: "prompt is too long: 9 tokens > 8 maximum" } }],
  ])("of %i goes to another member of the pool: %j", async (status, body) => {
    const { call, server } = await failing("openai", status, body);
    await must(server.admin("PUT", "/api/v1/llms/gpt", { poolName: "two" }));
    await addLlm(server, { name: "other", url: upstream(goodProvider).url, poolName: "two" });
    for (let n = 0; n < 6; n++) expect((await call("POST", chatPath, request)).status).toBe(200);
  });
});
