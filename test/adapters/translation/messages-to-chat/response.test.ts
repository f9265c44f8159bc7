import { describe, expect, it } from "vitest";
import { ownCallId } from "../../../../src/adapters/translation/call-ids.ts";
import { carriedState } from "../../../../src/adapters/translation/carried-state.ts";
import { messagesAnswer } from "../../../../src/adapters/translation/messages-to-chat/response.ts";
import { recordedJson } from "../streams.ts";

const answer = (message: object, finish_reason = "stop", rest: object = {}) =>
  messagesAnswer({ id: "chatcmpl-1", choices: [{ index: 0, message, finish_reason, ...rest }] }, "mine");

describe("a chat completion translated to Anthropic's answer", () => {
  it("counts cached tokens separately (case 71)", () => {
    expect(messagesAnswer(recordedJson("openai/text.json"), "mine")).toEqual({
      id: expect.stringMatching(/^msg_[0-9a-f]{24}$/),
      type: "message",
      role: "assistant",
      model: "mine",
      content: [{ type: "text", text: "Grüße aus 東京." }],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage: {
        input_tokens: 8,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 16,
        output_tokens: 9,
        service_tier: "standard",
      },
    });
    const usage = { prompt_tokens: 5, prompt_tokens_details: { cached_tokens: 9 } };
    expect(messagesAnswer({ choices: [{ message: {} }], usage }, "mine")).toMatchObject({
      usage: { input_tokens: 0 },
    });
  });

  it("has tool calls with their input", () => {
    const { content, stop_reason } = messagesAnswer(recordedJson("openai/tools.json"), "mine");
    expect(stop_reason).toBe("tool_use");
    expect(content).toMatchObject([
      { type: "tool_use", name: "get_weather", input: { city: "Zürich" } },
      { type: "tool_use", name: "get_time", input: {} },
    ]);
    expect((content as { id: string }[]).map(({ id }) => ownCallId(id))).toEqual(["call_Ab1", "call_Cd2"]);
  });

  it("reads Ollama's tool calls: arguments as an object, no id, a finish of stop", () => {
    const call = { function: { name: "f", arguments: { x: 1 } } };
    expect(answer({ content: "", tool_calls: [call, call] })).toMatchObject({
      stop_reason: "tool_use",
      content: [
        { id: expect.stringMatching(/^toolu_/), input: { x: 1 } },
        { id: expect.stringMatching(/^toolu_/), input: { x: 1 } },
      ],
    });
  });

  it("keeps arguments that are not an object, and big integers (cases 9, 10, 11)", () => {
    const input = (text: string) => {
      const { content } = answer({ tool_calls: [{ id: "c", function: { name: "f", arguments: text } }] });
      return JSON.stringify((content as { input: unknown }[])[0]?.input);
    };
    expect(input('{"x":')).toBe('{"INVALID_JSON":"{\\"x\\":"}');
    expect(input("5")).toBe('{"INVALID_JSON":"5"}');
    expect(input('{"id":12345678901234567890}')).toBe('{"id":12345678901234567890}');
  });

  it.each([["reasoning_content"], ["reasoning"]])("has %s as signed thinking, first (case 69)", (field) => {
    const [thinking, text] = answer({ content: "4", [field]: "hm" }).content as Record<string, unknown>[];
    expect(thinking).toMatchObject({ type: "thinking", thinking: "hm" });
    expect(text).toEqual({ type: "text", text: "4" });
    expect(carriedState(thinking?.["signature"], "mine")?.field ?? "reasoning_content").toBe(field);
  });

  it.each([
    ["stop", {}, {}, "end_turn", null],
    ["length", {}, {}, "max_tokens", null],
    ["length", { tool_calls: [{ function: { name: "f" } }] }, {}, "max_tokens", null],
    ["content_filter", {}, {}, "refusal", null],
    ["stop", { refusal: "No." }, {}, "refusal", null],
    ["tool_calls", { tool_calls: [{ function: { name: "f" } }] }, {}, "tool_use", null],
    ["stop", {}, { stop_reason: "END" }, "stop_sequence", "END"],
    ["stop", {}, { stop_reason: 128001 }, "end_turn", null],
  ])(
    "has for the finish %s with %j %j the stop reason %s (case 44)",
    (finish, message, rest, stop_reason, stop_sequence) => {
      expect(answer(message, finish, rest)).toMatchObject({ stop_reason, stop_sequence });
    },
  );

  it.each([
    [
      "an error with status 200",
      { error: { message: "network connection lost" } },
      "network connection lost",
    ],
    ["nothing", null, "without choices"],
    ["no choices", { choices: [] }, "without choices"],
  ])("is an error for %s", (_name, body, message) => {
    expect(() => messagesAnswer(body, "mine")).toThrow(
      expect.objectContaining({ code: "provider_error", message: expect.stringContaining(message) }),
    );
  });
});
