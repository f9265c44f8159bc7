import { describe, expect, it } from "vitest";
import { AppError, type ErrorCode } from "../../../src/errors.ts";
import { dialects } from "../../../src/wire/dialects/index.ts";
import { SseParser } from "../../../src/wire/sse.ts";

const { chat, messages } = dialects;
const bytesOf = (text: string) => new TextEncoder().encode(text);

describe("errors of the chat dialect", () => {
  it("have OpenAI's four fields, the hint in the message and the parameter as OpenAI writes it", () => {
    const error = new AppError("invalid_request", "no audio here", {
      hint: "send text",
      details: [{ path: "/messages/0/content/12/type", message: "no audio here" }],
    });
    expect(chat.errorBody(error, "r1")).toEqual({
      error: {
        message: "no audio here (send text)",
        type: "invalid_request_error",
        code: "invalid_request",
        param: "messages[0].content[12].type",
      },
    });
  });

  it("never contain the cause", () => {
    const error = new AppError("internal", "something failed", { cause: new Error("sk-secret") });
    expect(JSON.stringify([chat.errorBody(error, "r1"), messages.errorBody(error, "r1")])).not.toContain(
      "sk-secret",
    );
  });

  it("keep the provider's own type (case 74)", () => {
    const provider = { family: "openai", type: "insufficient_quota", fields: {} } as const;
    const error = new AppError("provider_error", "no money", { status: 429, provider });
    expect(chat.errorBody(error, "r1")).toMatchObject({
      error: { type: "insufficient_quota" },
    });
  });

  it("end a stream with one error frame and [DONE]", () => {
    const frames = chat.errorFrames(new AppError("provider_timeout", "too slow"), "r1");
    expect(frames).toBe(
      'data: {"error":{"message":"too slow","type":"timeout_error","code":"provider_timeout","param":null}}\n\ndata: [DONE]\n\n',
    );
  });
});

describe("errors of the messages dialect", () => {
  it("have Anthropic's shape and the request's id", () => {
    expect(messages.errorBody(new AppError("unauthenticated", "who are you?"), "r1")).toEqual({
      type: "error",
      error: { type: "authentication_error", message: "who are you?" },
      request_id: "r1",
    });
  });

  it("have types of Anthropic only: its set is closed (case 74)", () => {
    const of = (type: string) =>
      new AppError("provider_error", "x", { status: 429, provider: { family: "openai", type, fields: {} } });
    expect(messages.errorBody(of("insufficient_quota"), "r1")).toMatchObject({
      error: { type: "rate_limit_error" },
    });
    expect(messages.errorBody(of("overloaded_error"), "r1")).toMatchObject({
      error: { type: "overloaded_error" },
    });
  });

  it("end a stream with one event called error", () => {
    const frames = messages.errorFrames(new AppError("unavailable", "line 1\nline 2"), "r1");
    const events = new SseParser().push(bytesOf(frames));
    expect(events).toHaveLength(1);
    expect(events[0]?.event).toBe("error");
    expect(JSON.parse(events[0]!.data)).toMatchObject({
      error: { type: "overloaded_error", message: "line 1\nline 2" },
    });
    expect(frames).not.toContain("[DONE]");
  });
});

it.each<[ErrorCode, number | undefined, string, string]>([
  ["invalid_request", undefined, "invalid_request_error", "invalid_request_error"],
  ["unauthenticated", undefined, "authentication_error", "authentication_error"],
  ["provider_error", 402, "insufficient_quota", "billing_error"],
  ["forbidden", undefined, "permission_error", "permission_error"],
  ["not_found", undefined, "not_found_error", "not_found_error"],
  ["conflict", undefined, "conflict_error", "invalid_request_error"],
  ["payload_too_large", undefined, "invalid_request_error", "request_too_large"],
  ["too_many_requests", undefined, "rate_limit_error", "rate_limit_error"],
  ["internal", undefined, "server_error", "api_error"],
  ["provider_unreachable", undefined, "server_error", "api_error"],
  ["unavailable", undefined, "server_error", "overloaded_error"],
  ["provider_timeout", undefined, "timeout_error", "timeout_error"],
  ["provider_error", 529, "overloaded_error", "overloaded_error"],
])(
  "the error %s (%s) has the type %s in chat and %s in messages (case 74)",
  (code, status, openai, anthropic) => {
    const error = new AppError(code, "x", status === undefined ? {} : { status });
    expect(chat.errorBody(error, "r1")).toMatchObject({ error: { type: openai } });
    expect(messages.errorBody(error, "r1")).toMatchObject({ error: { type: anthropic } });
  },
);

describe("usage of a whole answer", () => {
  it("is read from chat, embeddings and DeepSeek", () => {
    expect(
      chat.usage({
        usage: { prompt_tokens: 9, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 4 } },
      }),
    ).toEqual({ promptTokens: 9, completionTokens: 2, cachedTokens: 4 });
    expect(chat.usage({ usage: { prompt_tokens: 9, total_tokens: 9 } })).toMatchObject({
      completionTokens: 0,
    });
    expect(chat.usage({ usage: { prompt_tokens: 9, prompt_cache_hit_tokens: 8 } })).toMatchObject({
      cachedTokens: 8,
    });
  });

  it("is read from messages, with cached tokens among the prompt's (case 45)", () => {
    const usage = {
      input_tokens: 3,
      output_tokens: 2,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: null,
    };
    expect(messages.usage({ usage })).toEqual({ promptTokens: 103, completionTokens: 2, cachedTokens: 100 });
  });

  it.each([undefined, null, "text", {}, { usage: null }, []])("is undefined for %j", (body) => {
    expect(chat.usage(body)).toBeUndefined();
    expect(messages.usage(body)).toBeUndefined();
  });
});
