import { describe, expect, it } from "vitest";
import { droppedFields } from "../../../src/adapters/translation/dropped-fields.ts";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import type { Dialect } from "../../../src/wire/dialects/types.ts";

type Fields = Record<string, unknown>;
const hello = { role: "user", content: "hi" };
const parameters = { type: "object", properties: { path: { type: "string" } } };
const named = { name: "read", description: "d" };
const tool = { type: "function", function: { ...named, parameters } };

/** Translates a request; `more` replaces its usual fields. */
const translated = (caller: Dialect, provider: Dialect, more: Fields): Fields =>
  translationFor(caller, provider)!.request(
    { ...(caller === "responses" ? { input: "hi" } : { messages: [hello], max_tokens: 9 }), ...more },
    "m",
    {},
  ) as Fields;

describe("tools of chat in the form of another API (case 169)", () => {
  const expected = { tools: [{ name: "read", description: "d", input_schema: parameters }] };

  it.each([
    ["responses", { type: "function", ...named, parameters }],
    ["Anthropic", { ...named, input_schema: parameters }],
    ["Anthropic, with its type", { type: "custom", ...named, input_schema: parameters }],
  ])("that of %s is read", (_name, form) => {
    expect(translated("chat", "messages", { tools: [form] })).toMatchObject(expected);
  });

  it.each([
    [
      { type: "function", name: "read" },
      { type: "tool", name: "read" },
    ],
    [
      { type: "tool", name: "read" },
      { type: "tool", name: "read" },
    ],
    [
      {
        type: "allowed_tools",
        allowed_tools: { mode: "required", tools: [{ type: "function", function: { name: "read" } }] },
      },
      { type: "any" },
    ],
  ])("the choice %j is read", (tool_choice, choice) => {
    const other = { type: "function", function: { name: "write" } };
    const request = translated("chat", "messages", { tools: [tool, other], tool_choice });
    expect(request.tool_choice).toEqual(choice);
    expect((request.tools as unknown[]).length).toBe(tool_choice.type === "allowed_tools" ? 1 : 2);
  });

  it("that run at the provider are left out among others, named, and refused alone", () => {
    const hosted = { type: "builtin_function", function: { name: "$web_search" } };
    expect(translated("chat", "messages", { tools: [hosted, tool] })).toMatchObject(expected);
    expect(droppedFields("chat", { tools: [hosted, tool] }, {}, false)).toEqual(["tools.builtin_function"]);
    expect(() => translated("chat", "messages", { tools: [hosted] })).toThrow("builtin_function");
  });
});

describe("fields that change nothing that an answer says (case 169)", () => {
  it.each<[Dialect, Dialect, Fields, string[]]>([
    ["chat", "messages", { min_p: 0, repetition_penalty: 1, session_id: "s" }, ["session_id"]],
    [
      "chat",
      "messages",
      { enable_thinking: true, thinking_budget: 5 },
      ["enable_thinking", "thinking_budget"],
    ],
    ["messages", "chat", { speed: "fast", fallbacks: [{}] }, ["speed", "fallbacks"]],
    ["messages", "chat", { output_config: { task_budget: {} } }, ["output_config.task_budget"]],
    ["messages", "chat", { n: 1, presence_penalty: 0, metadata: { team: "x" } }, []],
    ["responses", "chat", { n: 1, frequency_penalty: 0, stream_options: { include_obfuscation: true } }, []],
    ["responses", "chat", { provider: { order: ["x"] }, trace: {} }, ["provider", "trace"]],
  ])("of %s to %s: %j", (caller, provider, more, dropped) => {
    expect(translated(caller, provider, more)).toEqual(translated(caller, provider, {}));
    expect([...droppedFields(caller, more, {}, provider !== "messages")].sort()).toEqual([...dropped].sort());
  });

  it.each<[Dialect, Dialect, Fields, string]>([
    ["chat", "messages", { min_p: 0.1 }, "min_p"],
    ["chat", "messages", { repetition_penalty: 1.2 }, "repetition_penalty"],
    ["messages", "chat", { n: 2 }, "n"],
    ["responses", "chat", { frequency_penalty: 1 }, "frequency_penalty"],
  ])("but not where they ask for something, of %s to %s: %j", (caller, provider, more, name) => {
    expect(() => translated(caller, provider, more)).toThrow(`${name} has no counterpart`);
  });
});

describe("odd parts of a conversation (case 169)", () => {
  it("texts without a part around them, and results of searches, are words", () => {
    const search = { type: "search_result", title: "T", source: "s", content: [{ type: "text", text: "w" }] };
    const content = ["a", search, { type: "text", text: "b", annotations: [] }];
    expect(translated("messages", "chat", { messages: [{ role: "user", content }] }).messages).toEqual([
      { role: "user", content: "a\n\nT\ns\nw\n\nb" },
    ]);
    expect(translated("chat", "messages", { messages: [{ role: "user", content: ["a"] }] }).messages).toEqual(
      [{ role: "user", content: [{ type: "text", text: "a" }] }],
    );
  });

  it("parts of responses in chat are those of chat", () => {
    const content = [
      { type: "input_text", text: "look" },
      { type: "input_image", image_url: "data:image/png;base64,aGk=" },
    ];
    expect(translated("chat", "messages", { messages: [{ role: "user", content }] }).messages).toMatchObject([
      {
        content: [
          { type: "text", text: "look" },
          { type: "image", source: { data: "aGk=" } },
        ],
      },
    ]);
  });

  it("unknown fields of earlier messages are ignored, of the newest one refused", () => {
    const old = { ...hello, timestamp: 5 };
    const answer = { role: "assistant", content: "ok" };
    expect(translated("chat", "messages", { messages: [old, answer, hello] }).messages).toHaveLength(3);
    expect(() => translated("chat", "messages", { messages: [hello, answer, old] })).toThrow("timestamp");
  });

  it("a result without its call is words where the user goes on, and arguments may be an object", () => {
    const orphan = { type: "function_call_output", call_id: "gone", output: "data" };
    const go = { role: "user", content: "go" };
    const messages = (input: unknown[]) => translated("responses", "chat", { input }).messages;
    expect(JSON.stringify(messages([orphan, go]))).toContain("[Result of an earlier call: data]");
    expect(() => messages([hello, orphan])).toThrow("no earlier call");
    const call = { type: "function_call", call_id: "c", name: "read", arguments: { path: "a" } };
    const result = { type: "function_call_output", call_id: "c", output: "x" };
    expect(JSON.stringify(messages([hello, call, result]))).toContain('{\\"path\\":\\"a\\"}');
  });
});
