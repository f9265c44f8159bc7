import { describe, expect, it } from "vitest";
import {
  chatCompletion,
  finishReason,
} from "../../../../src/adapters/translation/chat-to-messages/response.ts";
import { recordedJson } from "../streams.ts";

const answer = (recording: string) => chatCompletion(recordedJson(`anthropic/${recording}`), "mine", 1);

describe("an answer of Anthropic translated to a chat completion", () => {
  it("has its text joined, and the cache counted among the prompt tokens (cases 43, 45)", () => {
    expect(answer("text.json")).toEqual({
      id: expect.stringMatching(/^chatcmpl-[0-9a-f]{24}$/),
      object: "chat.completion",
      created: 1,
      model: "mine",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Grüße aus 東京.", refusal: null },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: {
        prompt_tokens: 126,
        completion_tokens: 12,
        total_tokens: 138,
        prompt_tokens_details: { cached_tokens: 100, cache_write_tokens: 5 },
      },
      service_tier: "default",
    });
  });

  it("has tool calls with content null, and none of the provider's own tools (cases 43, 47, 48)", () => {
    const completion = answer("tools.json");
    expect(completion).toMatchObject({
      choices: [
        {
          finish_reason: "tool_calls",
          message: {
            content: null,
            tool_calls: [
              {
                id: "toolu_01A",
                type: "function",
                function: { name: "get_weather", arguments: '{"city":"Zürich"}' },
              },
              { id: "toolu_01B", type: "function", function: { name: "list_zones", arguments: "{}" } },
            ],
          },
        },
      ],
    });
    expect(JSON.stringify(completion)).not.toContain("web_search");
  });

  it("has thinking as reasoning_content, and signed to be sent back (cases 40, 54)", () => {
    expect(answer("thinking.json")).toMatchObject({
      choices: [
        {
          message: {
            content: "4.",
            reasoning_content: "The user asks for 2+2.",
            thinking_blocks: [
              { type: "thinking", thinking: "The user asks for 2+2.", signature: "EqQBCgIYAhIM" },
              { type: "redacted_thinking", data: "EmwKAhgB" },
            ],
          },
        },
      ],
    });
  });

  it("has the explanation of a refusal (case 44)", () => {
    const body = { content: [], stop_reason: "refusal", stop_details: { explanation: "malware" } };
    expect(chatCompletion(body, "mine", 1)).toMatchObject({
      choices: [{ finish_reason: "content_filter", message: { content: "", refusal: "malware" } }],
    });
  });

  it("counts the tokens of iterations once (case 46)", () => {
    const usage = { input_tokens: 5, output_tokens: 7, iterations: [{ input_tokens: 5, output_tokens: 7 }] };
    expect(chatCompletion({ content: [], usage }, "mine", 1)).toMatchObject({ usage: { total_tokens: 12 } });
  });

  it.each([
    ["an error with status 200", { type: "error", error: { type: "api_error", message: "boom" } }, "boom"],
    ["nothing", undefined, "without content"],
    ["something else", { choices: [] }, "without content"],
  ])("is an error for %s", (_name, body, message) => {
    expect(() => chatCompletion(body, "mine", 1)).toThrow(
      expect.objectContaining({ code: "provider_error", message: expect.stringContaining(message) }),
    );
  });
});

it.each([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["pause_turn", "stop"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["tool_use", "tool_calls"],
  ["refusal", "content_filter"],
])("the stop reason %s is the finish reason %s (case 44)", (reason, expected) => {
  expect(finishReason(reason, false)).toBe(expected);
});

it.each([
  ["end_turn", true, false, "tool_calls"],
  [null, true, false, "tool_calls"],
  ["max_tokens", true, false, "length"],
  ["refusal", true, false, "content_filter"],
  ["tool_use", false, true, "stop"],
  ["tool_use", true, true, "tool_calls"],
])(
  "the stop reason %s with tools: %s, with the answer as a tool: %s, is %s (cases 36, 156)",
  (reason, hasTools, isAnswer, expected) => {
    expect(finishReason(reason, hasTools, isAnswer)).toBe(expected);
  },
);
