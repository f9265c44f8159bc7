import { describe, expect, it } from "vitest";
import { faultOf, readProviderError } from "../../src/adapters/provider-fault.ts";

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
    expect(faultOf({ error: { code: 7, type: "odd", message: "x" } })).toMatchObject({
      message: "x",
      type: "odd",
    });
  });

  it.each([undefined, null, 1, "text", [], {}, { error: null }, { error: "" }])(
    "finds none in %j",
    (payload) => {
      expect(faultOf(payload)).toBeUndefined();
    },
  );
});
