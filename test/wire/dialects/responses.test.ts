import { describe, expect, it } from "vitest";
import { AppError, type ErrorCode } from "../../../src/errors.ts";
import { dialects } from "../../../src/wire/dialects/index.ts";
import { SseParser } from "../../../src/wire/sse.ts";

const { responses, chat } = dialects;

function framesOf(text: string) {
  return new SseParser().push(new TextEncoder().encode(text)).map(({ event, data }) => ({
    event,
    data: JSON.parse(data) as Record<string, unknown>,
  }));
}

describe("errors of the responses dialect", () => {
  it("have the same body as chat's", () => {
    const error = new AppError("invalid_request", "no audio here", {
      details: [{ path: "/input/0/content", message: "no audio here" }],
    });
    expect(responses.errorBody(error, "r1")).toEqual(chat.errorBody(error, "r1"));
    expect(responses.errorBody(error, "r1")).toMatchObject({ error: { param: "input[0].content" } });
  });

  it("end a stream with error and response.failed, with the next numbers and the id of the answer", () => {
    const error = new AppError("provider_error", "line 1\nline 2", {
      status: 429,
      hint: "wait",
      provider: { family: "openai", type: "insufficient_quota", fields: {} },
    });
    const frames = framesOf(responses.errorFrames(error, "r1", { responseId: "resp_9", sequence: 7 }));
    expect(frames).toMatchObject([
      {
        event: "error",
        data: {
          type: "error",
          sequence_number: 7,
          code: "insufficient_quota",
          message: "line 1\nline 2 (wait)",
          error: { type: "insufficient_quota", message: "line 1\nline 2 (wait)" },
        },
      },
      {
        event: "response.failed",
        data: {
          type: "response.failed",
          sequence_number: 8,
          response: {
            id: "resp_9",
            status: "failed",
            error: { code: "insufficient_quota", message: "line 1\nline 2 (wait)" },
          },
        },
      },
    ]);
  });

  it("have no number without a position, and never contain the cause", () => {
    const text = responses.errorFrames(
      new AppError("internal", "failed", { cause: new Error("sk-secret") }),
      "r1",
    );
    expect(framesOf(text)[1]?.data).toMatchObject({ response: { id: "resp_r1" } });
    expect(text).not.toMatch(/sequence_number|sk-secret|DONE/);
  });

  it.each<[ErrorCode, string]>([
    ["too_many_requests", "rate_limit_exceeded"],
    ["provider_timeout", "server_error"],
    ["unavailable", "server_error"],
    ["unauthenticated", "invalid_prompt"],
  ])("of code %s have the code %s", (code, expected) => {
    const [, failed] = framesOf(responses.errorFrames(new AppError(code, "x"), "r1"));
    expect(failed?.data).toMatchObject({ response: { error: { code: expected } } });
  });
});

describe("usage of a whole answer", () => {
  it("counts cached tokens among the input", () => {
    const usage = { input_tokens: 30, input_tokens_details: { cached_tokens: 16 }, output_tokens: 2 };
    expect(responses.usage({ usage })).toEqual({ promptTokens: 30, completionTokens: 2, cachedTokens: 16 });
  });

  it.each([undefined, null, "text", {}, { usage: null }, []])("is undefined for %j", (body) => {
    expect(responses.usage(body)).toBeUndefined();
  });
});

describe("the usage of an answer of responses", () => {
  const usage = { input_tokens: 10, output_tokens: 2 };
  const call = (type: string, more: object = {}) => ({ type: `${type}_call`, status: "completed", ...more });

  it("counts the tools that OpenAI bills by the call: searches, and containers once each (case 207)", () => {
    const output = [
      call("web_search", { action: { type: "search", query: "a" } }),
      call("web_search", { action: { type: "open_page", url: "https://x" } }),
      call("web_search", { action: { type: "find_in_page" } }),
      call("web_search"),
      call("file_search"),
      call("code_interpreter", { container_id: "c1" }),
      call("code_interpreter", { container_id: "c1" }),
      call("code_interpreter", { container_id: "c2" }),
      call("function", { name: "web_search_call" }),
      { type: "message", content: [] },
      null,
    ];
    const tools = { searches: 2, fileSearches: 1, containers: 2 };
    expect(responses.usage({ usage, output })).toEqual({
      ...{ promptTokens: 10, completionTokens: 2, cachedTokens: 0 },
      ...tools,
    });
    expect(responses.usage({ output })).toMatchObject({ promptTokens: 0, ...tools });
  });

  it("has no such counts where no such tool ran, and is none without both", () => {
    const plain = { promptTokens: 10, completionTokens: 2, cachedTokens: 0 };
    for (const output of [undefined, [], [call("function")], "x", [{ type: 7 }]])
      expect(responses.usage({ usage, output })).toEqual(plain);
    expect(responses.usage({ output: [call("function")] })).toBeUndefined();
    expect(responses.usage(undefined)).toBeUndefined();
  });
});
