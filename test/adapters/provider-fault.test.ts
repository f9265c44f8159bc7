import { describe, expect, it } from "vitest";
import { faultOf, isChatError, readProviderError } from "../../src/adapters/provider-fault.ts";

describe("readProviderError (case 76)", () => {
  it.each([
    [
      "OpenAI's",
      '{"error":{"message":"Rate limit reached","type":"tokens","param":null,"code":"rate_limit_exceeded"}}',
      { message: "Rate limit reached", type: "tokens" },
    ],
    [
      "Anthropic's",
      '{"type":"error","error":{"type":"not_found_error","message":"model: claude-9"},"request_id":"req_1"}',
      { message: "model: claude-9", type: "not_found_error" },
    ],
    [
      "Google's, in an array",
      '[{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED"}}]',
      { message: "Quota exceeded", type: "RESOURCE_EXHAUSTED" },
    ],
    ["Ollama's", '{"error":"model \\"x\\" not found"}', { message: 'model "x" not found' }],
    [
      "older vLLM's",
      '{"object":"error","message":"too long","type":"BadRequestError","code":400}',
      { message: "too long", type: "BadRequestError" },
    ],
    ["FastAPI's", '{"detail":"Not Found"}', { message: "Not Found" }],
    [
      "FastAPI's list",
      '{"detail":[{"loc":["body","model"],"msg":"field required"}]}',
      { message: "body.model: field required" },
    ],
    [
      "Mistral's, with an object as message",
      '{"object":"error","message":{"detail":[{"loc":["body","foo"],"msg":"Extra inputs"}]},"type":"invalid_request_error"}',
      { message: "body.foo: Extra inputs", type: "invalid_request_error" },
    ],
    ["a list of sentences", '{"errors":["a broke","b broke"]}', { message: "a broke; b broke" }],
    [
      "Cloudflare's",
      '{"result":null,"success":false,"errors":[{"code":5007,"message":"No such model x"}],"messages":[]}',
      { message: "No such model x", meaning: { is: "no_model" } },
    ],
    ["AWS'", '{"Message":"malformed"}', { message: "malformed" }],
    ["GLM's", '{"code":1214,"msg":"bad messages"}', { message: "bad messages" }],
    [
      "MiniMax's",
      '{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}',
      { message: "insufficient balance", meaning: { is: "quota" } },
    ],
    [
      "a message that is the error of the provider behind",
      JSON.stringify({
        error: { message: '{"error":{"message":"{\\"message\\":\\"inner words\\"}"}}', code: 400 },
      }),
      { message: "inner words" },
    ],
    [
      "OpenRouter's",
      JSON.stringify({
        error: {
          message: "Provider returned error",
          metadata: { raw: '{"error":{"message":"insufficient balance"}}' },
        },
      }),
      {
        message: "Provider returned error: insufficient balance",
        meaning: { is: "quota" },
      },
    ],
    [
      "a message that says enough, without its metadata",
      JSON.stringify({ error: { message: "no", metadata: { raw: "more" } } }),
      { message: "no" },
    ],
    ["a message that only looks like JSON", '{"error":{"message":"{x}"}}', { message: "{x}" }],
    ["an object without a message", '{"error":{"code":"odd"}}', { message: '{"code":"odd"}', type: "odd" }],
    [
      "plain text",
      "upstream connect error\r\n or\tdisconnect",
      { message: "upstream connect error or disconnect" },
    ],
    ["JSON that says nothing", '{"ok":false}', { message: '{"ok":false}' }],
  ])("reads %s", (_name, body, expected) => {
    expect(readProviderError(429, body)).toMatchObject(expected);
  });

  it("names the status for an empty body and for a web page", () => {
    expect(readProviderError(502, " \n").message).toBe(
      "the provider answered with status 502 and no explanation",
    );
    const page =
      "<!DOCTYPE html><html><head><title>502 Bad\nGateway</title></head><body><p>nginx</p></body></html>";
    expect(readProviderError(502, page).message).toBe(
      "the provider answered with status 502 and a web page: 502 Bad Gateway",
    );
    expect(readProviderError(502, "<html></html>").message).toMatch(/a web page$/);
  });

  it("does not follow errors in errors for ever", () => {
    let message = "deep";
    for (let at = 0; at < 20; at++) message = JSON.stringify({ message });
    expect(readProviderError(500, message).message.length).toBeLessThanOrEqual(1_000);
  });

  it("cuts every message at 1,000 characters", () => {
    for (const body of [
      "x".repeat(5_000_000),
      JSON.stringify({ error: { message: "x".repeat(5_000) } }),
      JSON.stringify({ error: { message: "x".repeat(5_000_000) } }),
      JSON.stringify({ error: { data: "x".repeat(5_000) } }),
    ]) {
      expect(readProviderError(500, body).message).toHaveLength(1_000);
    }
  });
});

describe("faultOf", () => {
  it("returns the status for the type of an error in a stream", () => {
    expect(faultOf({ error: { type: "overloaded_error", message: "x" } })?.status).toBe(529);
    expect(faultOf({ error: { code: 503, message: "x" } })?.status).toBe(503);
    expect(faultOf({ error: { code: "429", message: "x" } })?.status).toBe(429);
    expect(faultOf({ error: { code: "server_is_overloaded", message: "x" } })?.status).toBe(503);
    expect(faultOf({ error: { code: "rate_limit_exceeded", type: "tokens", message: "x" } })?.status).toBe(
      429,
    );
    expect(faultOf({ error: { status: "RESOURCE_EXHAUSTED", message: "x" } })?.status).toBe(429);
    expect(faultOf({ error: { code: 7, type: "odd", message: "x" } })).toMatchObject({
      message: "x",
      type: "odd",
    });
  });

  it("believes another name more than invalid_request_error, which gateways call everything (case 208)", () => {
    const statusOf = (error: object) => faultOf({ error: { message: "cut", ...error } })?.status;
    const type = "invalid_request_error";
    expect(statusOf({ type, code: "request_timeout" })).toBe(504);
    expect(statusOf({ type, code: "rate_limit_exceeded" })).toBe(429);
    expect(statusOf({ type, code: "unknown_parameter" })).toBe(400);
    expect(statusOf({ type: "server_error", code: type })).toBe(500);
    expect(statusOf({ type })).toBe(400);
  });

  it("returns the status of an error's meaning, which says if a client may repeat the call (case 154)", () => {
    const status = (error: object) => faultOf({ error })?.status;
    expect(status({ code: "context_length_exceeded", message: "x" })).toBe(400);
    expect(status({ message: "prompt is too long: 9 tokens > 8 maximum" })).toBe(400);
    expect(status({ message: "no such model" })).toBe(404);
    expect(status({ message: "the GPU fell off the bus" })).toBeUndefined();
  });

  it.each([undefined, null, 1, "text", [], {}, { error: null }, { error: "" }, { error: {} }])(
    "finds none in %j",
    (payload) => {
      expect(faultOf(payload)).toBeUndefined();
    },
  );
});

describe("isChatError (case 154)", () => {
  const choices = [{ delta: { content: "x" } }];
  it.each<[object, boolean]>([
    [{ error: { message: "x" } }, true],
    [{ error: "x" }, true],
    [{ object: "error", message: "x" }, true],
    [{ detail: "x" }, true],
    [{ success: false, errors: [] }, true],
    [{ choices: [], base_resp: { status_code: 1002, status_msg: "x" } }, true],
    [{ choices: null, base_resp: { status_code: 1008 } }, true],
    [{ choices, error: null }, false],
    [{ choices, error: {} }, false],
    [{ choices, base_resp: { status_code: 0, status_msg: "" } }, false],
    [{ choices, detail: "x" }, false],
    [{ choices: [], usage: { prompt_tokens: 1 } }, false],
    [{}, false],
  ])("is right for %j", (chunk, is) => {
    expect(isChatError(chunk)).toBe(is);
  });
});
