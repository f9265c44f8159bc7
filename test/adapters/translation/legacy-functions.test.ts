import { describe, expect, it } from "vitest";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import { bytesOf, fixedId, payloadsOf, through } from "./streams.ts";

const messages = [{ role: "user", content: "x" }];
const functions = [{ name: "read", description: "Reads", parameters: { type: "object", properties: {} } }];
const anthropic = translationFor("chat", "messages", () => 0, fixedId)!;
const openai = translationFor("chat", "responses", () => 0, fixedId)!;
const event = (type: string, fields: object = {}) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;

describe("functions of chat, the form of tools before tool_calls (case 177)", () => {
  it.each([
    ["auto", { type: "auto", disable_parallel_tool_use: true }],
    ["none", { type: "none" }],
    [{ name: "read" }, { type: "tool", name: "read", disable_parallel_tool_use: true }],
  ])("are tools for Anthropic, with the choice %j", (function_call, tool_choice) => {
    const request = anthropic.request({ messages, functions, function_call }, "m", {});
    expect(request).toMatchObject({ tools: [{ name: "read", description: "Reads" }], tool_choice });
    expect(request).not.toHaveProperty("functions");
  });

  it("are tools for a provider of responses", () => {
    expect(openai.request({ messages, functions }, "m", {})).toMatchObject({
      tools: [{ type: "function", name: "read" }],
      parallel_tool_calls: false,
    });
  });

  it("may be an empty list, which asks for nothing", () => {
    expect(anthropic.request({ messages, functions: [] }, "m", {})).not.toHaveProperty("tools");
  });

  it("get a function_call as the answer", () => {
    const content = [
      { type: "text", text: "I read." },
      { type: "tool_use", id: "a", name: "read", input: { path: "x" } },
      { type: "tool_use", id: "b", name: "read", input: {} },
    ];
    const answer = { content, stop_reason: "tool_use", usage: { input_tokens: 1, output_tokens: 1 } };
    const { choices } = anthropic.response(answer, "m", { functions }) as { choices: object[] };
    expect(choices).toMatchObject([
      {
        message: { content: "I read.", function_call: { name: "read", arguments: '{"path":"x"}' } },
        finish_reason: "function_call",
      },
    ]);
    expect(JSON.stringify(choices)).not.toContain("tool_calls");
  });

  it("get a function_call in a stream, and texts as they are", () => {
    const text = [
      event("message_start", { message: { id: "m1", usage: { input_tokens: 1 } } }),
      event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
      event("content_block_delta", { index: 0, delta: { type: "text_delta", text: 'say "tool_calls"\n' } }),
      event("content_block_stop", { index: 0 }),
      event("content_block_start", {
        index: 1,
        content_block: { type: "tool_use", id: "a", name: "read", input: {} },
      }),
      event("content_block_delta", {
        index: 1,
        delta: { type: "input_json_delta", partial_json: '{"path":' },
      }),
      event("content_block_delta", { index: 1, delta: { type: "input_json_delta", partial_json: '"x"}' } }),
      event("content_block_stop", { index: 1 }),
      event("message_delta", { delta: { stop_reason: "tool_use" }, usage: { output_tokens: 3 } }),
      event("message_stop"),
    ].join("");
    const { text: sent, done } = through(anthropic.stream("m", { functions, stream: true }), [bytesOf(text)]);
    expect([done, sent.endsWith("data: [DONE]\n\n")]).toEqual([true, true]);
    // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
    const choices = payloadsOf(sent).flatMap((one) => (one as any).choices?.[0] ?? []);
    const calls = choices.flatMap(({ delta }) => delta.function_call ?? []);
    expect(calls.map((one) => one.name ?? "").join("")).toBe("read");
    expect(calls.map((one) => one.arguments).join("")).toBe('{"path":"x"}');
    expect(choices.map(({ delta }) => delta.content ?? "").join("")).toBe('say "tool_calls"\n');
    expect(choices.at(-1).finish_reason).toBe("function_call");
    expect(choices.some(({ delta }) => "tool_calls" in delta)).toBe(false);
  });
});
