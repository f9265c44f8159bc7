import { describe, expect, it } from "vitest";
import { translationFor } from "../../../src/adapters/translation/index.ts";

type Fields = Record<string, unknown>;
const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } };
const document = {
  type: "document",
  title: "notes",
  source: { type: "base64", media_type: "application/pdf", data: "aGk=" },
};
const thinking = { type: "thinking", thinking: "hm", signature: "sig" };
const use = { type: "tool_use", id: "toolu_1", name: "read", input: { path: "a" } };
const result = {
  type: "tool_result",
  tool_use_id: "toolu_1",
  content: [{ type: "text", text: "data" }, image],
};
const history = [
  { role: "user", content: [{ type: "text", text: "look" }, image, document] },
  { role: "assistant", content: [thinking, { type: "text", text: "I read" }, use] },
  { role: "user", content: [result, { type: "text", text: "and now?" }] },
];
const translated = (provider: "messages" | "responses", messages: unknown[]) =>
  translationFor("chat", provider)!.request({ messages, max_tokens: 99 }, "m", {}) as Fields;

describe("Anthropic's blocks in messages of chat (case 166)", () => {
  it("reach Anthropic as they were", () => {
    expect(translated("messages", history).messages).toEqual([
      { role: "user", content: [{ type: "text", text: "look" }, image, document] },
      { role: "assistant", content: [thinking, { type: "text", text: "I read" }, use] },
      { role: "user", content: [result, { type: "text", text: "and now?" }] },
    ]);
  });

  it("become calls and results of responses", () => {
    const { input } = translated("responses", history) as { input: Fields[] };
    expect(input.map(({ type }) => type)).toEqual([
      "message",
      "message",
      "function_call",
      "function_call_output",
      "message",
    ]);
    expect(input[2]).toMatchObject({ call_id: "toolu_1", name: "read", arguments: '{"path":"a"}' });
  });

  it("that stand beside the same call of chat are one call, and a failed result says so", () => {
    const call = { id: "toolu_1", type: "function", function: { name: "read", arguments: '{"path":"a"}' } };
    const { messages } = translated("messages", [
      { role: "user", content: "hi" },
      { role: "assistant", content: [use], tool_calls: [call] },
      { role: "user", content: [{ ...result, content: "gone", is_error: true }] },
    ]) as { messages: { content: unknown[] }[] };
    expect(messages[1]!.content).toEqual([use]);
    expect(messages[2]!.content).toEqual([
      { type: "tool_result", tool_use_id: "toolu_1", content: [{ type: "text", text: "Error: gone" }] },
    ]);
  });

  it("are not seen where there is none, and a source of another kind is refused by name", () => {
    const parts = [{ type: "text", text: "hi" }];
    expect(translated("messages", [{ role: "user", content: parts }]).messages).toEqual([
      { role: "user", content: parts },
    ]);
    const file = { type: "document", source: { type: "file", file_id: "file_1" } };
    expect(() => translated("messages", [{ role: "user", content: [file] }])).toThrow("document");
  });
});

describe("the reasoning that OpenRouter's clients ask for (case 165)", () => {
  const request = (reasoning: unknown, quirks = {}) =>
    translationFor("chat", "messages")!.request(
      { messages: [{ role: "user", content: "hi" }], max_tokens: 9_000, reasoning },
      "m",
      { adaptiveThinking: true, efforts: ["low", "medium", "high", "max"], ...quirks },
    );

  it.each([
    [{ effort: "high" }, "high"],
    [{ max_tokens: 2_000 }, "low"],
    [{ max_tokens: 20_000 }, "high"],
    [{ max_tokens: 64_000 }, "max"],
    [{ enabled: true, exclude: true }, "medium"],
  ])("%j is an effort", (reasoning, effort) => {
    expect(request(reasoning)).toMatchObject({ thinking: { type: "adaptive" }, output_config: { effort } });
  });

  it.each([{ enabled: false }, { effort: "none" }, { max_tokens: 0 }])("%j is none", (reasoning) => {
    expect(request(reasoning)["thinking"]).toEqual({ type: "disabled" });
  });

  it("says nothing where it is empty, yields to reasoning_effort, and must be an object", () => {
    expect(request({})["thinking"]).toBeUndefined();
    expect(() => request("high")).toThrow("reasoning must be an object");
    const messages = [{ role: "user", content: "hi" }];
    const both = { messages, reasoning_effort: "low", reasoning: { effort: "high" } };
    const quirks = { efforts: ["low", "high"] as const, sealedReasoning: true };
    expect(translationFor("chat", "responses")!.request(both, "m", quirks)["reasoning"]).toMatchObject({
      effort: "low",
    });
  });
});
