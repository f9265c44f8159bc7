import { describe, expect, it } from "vitest";
import { quirksOf } from "../../../../src/adapters/quirks/index.ts";
import { carryState } from "../../../../src/adapters/translation/carried-state.ts";
import { chatRequest } from "../../../../src/adapters/translation/messages-to-chat/request.ts";
import { parseExact } from "../../../../src/wire/exact-json.ts";

const hello = [{ role: "user", content: "hello" }];
const base64 = { type: "base64", media_type: "image/png", data: "AAAA" };

function translated(body: Record<string, unknown>, model = "qwen3"): Record<string, unknown> {
  return chatRequest(
    { max_tokens: 100, messages: hello, ...body },
    model,
    quirksOf({ type: "openai", model }),
  ).request;
}

function chat(...messages: unknown[]): unknown {
  return translated({ messages }).messages;
}

function refusal(body: Record<string, unknown>): unknown {
  try {
    return translated(body);
  } catch (error) {
    const { code, details } = error as { code: string; details: { path: string }[] };
    return { code, path: details[0]?.path };
  }
}

describe("the conversation of a messages request, translated to chat", () => {
  it("has the system prompt first, as one message without marks of the cache (case 67)", () => {
    const system = [
      { type: "text", text: "You are brief.", cache_control: { type: "ephemeral" } },
      { type: "text", text: "You are kind." },
    ];
    expect(translated({ system }).messages).toEqual([
      { role: "system", content: "You are brief.\n\nYou are kind." },
      { role: "user", content: "hello" },
    ]);
    expect(translated({ system: "x" }).messages).toMatchObject([{ role: "system", content: "x" }, {}]);
    expect(translated({ system: [] }).messages).toEqual(hello);
  });

  it("has tool results as messages of their own, with errors marked and images after them (case 67)", () => {
    expect(
      chat(
        ...hello,
        {
          role: "assistant",
          content: [
            { type: "text", text: "Both." },
            { type: "tool_use", id: "t1", name: "f", input: { x: 1 } },
            { type: "tool_use", id: "t2", name: "g", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            { type: "text", text: "and?" },
            { type: "tool_result", tool_use_id: "t1", content: "no such file", is_error: true },
            {
              type: "tool_result",
              tool_use_id: "t2",
              content: [
                { type: "text", text: "a" },
                { type: "image", source: base64 },
                { type: "text", text: "b" },
              ],
            },
          ],
        },
      ),
    ).toEqual([
      { role: "user", content: "hello" },
      {
        role: "assistant",
        content: "Both.",
        tool_calls: [
          { id: "t1", type: "function", function: { name: "f", arguments: '{"x":1}' } },
          { id: "t2", type: "function", function: { name: "g", arguments: "{}" } },
        ],
      },
      { role: "tool", tool_call_id: "t1", content: "Error: no such file" },
      { role: "tool", tool_call_id: "t2", content: "a\n\nb" },
      {
        role: "user",
        content: [
          { type: "text", text: "and?" },
          { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
        ],
      },
    ]);
  });

  it("has text alone as a string: DeepSeek takes no lists", () => {
    const content = [
      { type: "text", text: "<system-reminder>" },
      { type: "text", text: "hi", cache_control: { type: "ephemeral" } },
    ];
    expect(chat({ role: "user", content })).toEqual([{ role: "user", content: "<system-reminder>\n\nhi" }]);
  });

  it("has images as links, and documents as files or text", () => {
    const content = [
      { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
      { type: "document", source: { ...base64, media_type: "application/pdf" }, title: "a.pdf" },
      {
        type: "document",
        source: { type: "text", media_type: "text/plain", data: "Grüße" },
        title: "Letter",
      },
    ];
    expect(chat({ role: "user", content })).toEqual([
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "https://example.com/a.png" } },
          { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AAAA" } },
          { type: "text", text: "Letter\n\nGrüße" },
        ],
      },
    ]);
  });

  it("has reasoning of the chat provider, and none of Anthropic", () => {
    const assistant = (signature: string) => ({
      role: "assistant",
      content: [
        { type: "thinking", thinking: "hm", signature },
        { type: "redacted_thinking", data: "x" },
        { type: "tool_use", id: "t1", name: "f", input: {} },
      ],
    });
    expect(chat(...hello, assistant(carryState({})))).toMatchObject([
      {},
      { reasoning_content: "hm", content: null },
    ]);
    expect(JSON.stringify(chat(...hello, assistant("EqQBCgIYAhIM")))).not.toContain("hm");
  });

  it("has the digits of big integers in tool input (case 11)", () => {
    const body = parseExact(
      '{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"id":12345678901234567890}}]}]}',
    ) as Record<string, unknown>;
    expect(chatRequest(body, "m", {}).request.messages).toMatchObject([
      {},
      { tool_calls: [{ function: { arguments: '{"id":12345678901234567890}' } }] },
    ]);
  });

  it("may have a system message in the middle, and loses an empty answer", () => {
    expect(
      chat(...hello, { role: "assistant", content: [] }, { role: "system", content: "now French" }),
    ).toEqual([{ role: "user", content: "hello\n\n<system>\nnow French\n</system>" }]);
  });

  it.each([
    [undefined, "/messages"],
    [[], "/messages"],
    ["x", "/messages"],
    [["x"], "/messages/0"],
    [[{ role: "robot", content: "x" }], "/messages/0/role"],
    [[{ role: "user", content: 7 }], "/messages/0/content"],
    [[{ role: "user", content: [{ type: "video" }] }], "/messages/0/content/0/type"],
    [
      [{ role: "user", content: [{ type: "image", source: { type: "file", file_id: "f" } }] }],
      "/messages/0/content/0/source/type",
    ],
    [
      [{ role: "user", content: [{ type: "document", source: { type: "file", file_id: "f" } }] }],
      "/messages/0/content/0/source/type",
    ],
    [
      [{ role: "user", content: [{ type: "document", source: base64, citations: { enabled: true } }] }],
      "/messages/0/content/0/citations",
    ],
    [
      [{ role: "user", content: [{ type: "tool_result", content: "x" }] }],
      "/messages/0/content/0/tool_use_id",
    ],
  ])("is refused for messages %j, by the path", (messages, path) => {
    expect(refusal({ messages })).toEqual({ code: "invalid_request", path });
  });
});

describe("parameters of a messages request, translated to chat", () => {
  it("keep sampling, stop sequences and the user, and ask a stream for usage (cases 28, 70)", () => {
    expect(
      translated({
        temperature: 0.3,
        top_p: 0.9,
        top_k: 5,
        stop_sequences: ["END"],
        stream: true,
        metadata: { user_id: `user_${"a".repeat(100)}` },
      }),
    ).toEqual({
      model: "qwen3",
      messages: hello,
      max_tokens: 100,
      temperature: 0.3,
      top_p: 0.9,
      top_k: 5,
      stop: ["END"],
      user: `user_${"a".repeat(59)}`,
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(translated({ stream: false })).not.toHaveProperty("stream_options");
  });

  it.each([
    ["gpt-5.6-sol", "max_completion_tokens"],
    ["o3-mini", "max_completion_tokens"],
    ["openai/o4-mini", "max_completion_tokens"],
    ["ft:gpt-5-mini:acme", "max_completion_tokens"],
    ["gpt-4o", "max_tokens"],
    ["gpt-oss-120b", "max_tokens"],
    ["deepseek-v4-pro", "max_tokens"],
  ])("name the limit of %s %s (case 72)", (model, name) => {
    const request = translated({}, model);
    expect(request[name]).toBe(100);
    expect(Object.keys(request).filter((key) => key.startsWith("max_"))).toEqual([name]);
  });

  it("have an effort for reasoning models only", () => {
    const thinking = (budget_tokens: number) => ({ thinking: { type: "enabled", budget_tokens } });
    const effort = (body: Record<string, unknown>, model = "gpt-5.5") =>
      translated(body, model).reasoning_effort;
    expect([1_024, 5_000, 30_000].map((budget) => effort(thinking(budget)))).toEqual([
      "low",
      "medium",
      "high",
    ]);
    const most = { ...thinking(1_024), output_config: { effort: "max" } };
    expect(effort(most, "gpt-5.6-sol")).toBe("max");
    expect(effort(most, "gpt-5.5")).toBe("xhigh");
    expect(effort(most, "gpt-5.1")).toBe("high");
    expect(effort(most, "openai/gpt-oss-120b")).toBe("high");
    expect(effort(most, "deepseek-v4-pro")).toBe("high");
    expect(effort({ thinking: { type: "disabled" } }, "gpt-5.4-mini")).toBe("none");
    expect(effort({ thinking: { type: "disabled" } }, "o3-mini")).toBeUndefined();
    expect(effort({ thinking: { type: "adaptive" } })).toBeUndefined();
    expect(effort({ ...thinking(1_024), output_config: { effort: "max" } }, "gpt-4o")).toBeUndefined();
  });

  it("keep structured output", () => {
    const schema = { type: "object", properties: {}, additionalProperties: false };
    expect(translated({ output_config: { format: { type: "json_schema", schema } } })).toMatchObject({
      response_format: { type: "json_schema", json_schema: { name: "answer", strict: true, schema } },
    });
    expect(refusal({ output_config: { format: { type: "xml" } } })).toMatchObject({
      path: "/output_config/format/type",
    });
  });

  it("lose fields that do not change the answer; others are refused by name", () => {
    const dropped = {
      cache_control: {},
      context_management: { edits: [] },
      service_tier: "auto",
      speed: "fast",
      fallbacks: [{ model: "x" }],
      output_config: { task_budget: { type: "tokens", total: 20_000 } },
      metadata: { tenant: "x" },
      n: 1,
      presence_penalty: 0,
      mcp_servers: [],
    };
    expect(translated(dropped)).toEqual(translated({}));
    for (const name of ["container", "inference_geo", "mcp_servers", "service_tier", "colour"]) {
      expect(refusal({ [name]: "x" })).toEqual({ code: "invalid_request", path: `/${name}` });
    }
  });
});

describe("tools of a messages request, translated to chat", () => {
  const input_schema = { type: "object", properties: { a: { type: "string" } }, $defs: {} };

  it("become functions with their schema", () => {
    const tools = [
      { name: "f", description: "d", input_schema, cache_control: { type: "ephemeral" }, strict: true },
      { type: "custom", name: "g", input_schema },
    ];
    expect(translated({ tools }).tools).toEqual([
      { type: "function", function: { name: "f", description: "d", parameters: input_schema, strict: true } },
      { type: "function", function: { name: "g", parameters: input_schema } },
    ]);
  });

  it.each([
    [
      { type: "auto", disable_parallel_tool_use: true },
      { tool_choice: "auto", parallel_tool_calls: false },
    ],
    [{ type: "any" }, { tool_choice: "required" }],
    [{ type: "none" }, { tool_choice: "none" }],
    [{ type: "tool", name: "f" }, { tool_choice: { type: "function", function: { name: "f" } } }],
  ])("have the choice %j as %j", (tool_choice, expected) => {
    expect(translated({ tools: [{ name: "f", input_schema }], tool_choice })).toMatchObject(expected);
  });

  it.each([
    [{ tools: [{ type: "web_search_20250305", name: "web_search" }] }, "/tools/0/type"],
    [{ tools: [{ name: "f", input_schema: 5 }] }, "/tools/0/input_schema"],
    [{ tools: [{ name: "f", input_schema, colour: 1 }] }, "/tools/0/colour"],
    [{ tools: [{ name: "f", input_schema }], tool_choice: { type: "maybe" } }, "/tool_choice/type"],
  ])("are refused for %j, by the path", (body, path) => {
    expect(refusal(body)).toEqual({ code: "invalid_request", path });
  });
});
