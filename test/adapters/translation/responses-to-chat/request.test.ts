import { describe, expect, it } from "vitest";
import { recordedJson } from "../streams.ts";
import { ask, chat, type Fields, image, quirks, toChat, toMessages } from "./translated.ts";

describe("a responses request translated to chat", () => {
  it("has the counterparts of its fields, and fields of the same name unchanged", () => {
    expect(
      chat({
        instructions: "Be brief.",
        max_output_tokens: 100,
        temperature: 0.5,
        top_p: 0.9,
        reasoning: { effort: "low", summary: "auto" },
        text: {
          verbosity: "low",
          format: { type: "json_schema", name: "a", schema: { type: "object" }, strict: true },
        },
        user: "u",
        safety_identifier: "s",
        prompt_cache_key: "k",
        service_tier: "flex",
        stream: true,
        stream_options: { include_obfuscation: false },
        include: ["reasoning.encrypted_content"],
        truncation: "disabled",
        metadata: { a: "1" },
        top_logprobs: 0,
        background: false,
        store: false,
        previous_response_id: null,
      }),
    ).toEqual({
      model: "theirs",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "hello" },
      ],
      max_tokens: 100,
      temperature: 0.5,
      top_p: 0.9,
      reasoning_effort: "low",
      response_format: {
        type: "json_schema",
        json_schema: { name: "a", schema: { type: "object" }, strict: true },
      },
      user: "u",
      service_tier: "flex",
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it("has OpenAI's own fields at OpenAI only (case 107)", () => {
    const own = { prompt_cache_key: "k", safety_identifier: "s" };
    const request = { input: "x", text: { verbosity: "low" }, ...own };
    expect(toChat.request(request, "m", { openaiFields: true })).toMatchObject({ verbosity: "low", ...own });
    expect(Object.keys(toChat.request(request, "m", {}))).toEqual(["model", "messages"]);
  });

  it("has the limit under its newer name for reasoning models of OpenAI (case 72)", () => {
    expect(
      toChat.request({ ...ask, max_output_tokens: 9 }, "gpt-5.4", quirks("openai", "gpt-5.4")),
    ).toMatchObject({
      max_completion_tokens: 9,
    });
  });

  it("has functions, their choice, and a custom tool with its grammar", () => {
    const request = chat({
      tools: [
        { type: "function", name: "f", description: "d", parameters: { type: "object" }, strict: true },
        {
          type: "custom",
          name: "c",
          description: "Edits.",
          format: { type: "grammar", syntax: "lark", definition: "start: x" },
        },
      ],
      tool_choice: { type: "custom", name: "c" },
      parallel_tool_calls: false,
    });
    expect(request).toMatchObject({
      tools: [
        {
          type: "function",
          function: { name: "f", description: "d", parameters: { type: "object" }, strict: true },
        },
        {
          type: "function",
          function: {
            name: "c",
            description: "Edits.\n\nThe input must match this lark grammar:\nstart: x",
            parameters: { type: "object", required: ["input"] },
          },
        },
      ],
      tool_choice: { type: "function", function: { name: "c" } },
      parallel_tool_calls: false,
    });
  });

  it("has only the allowed tools", () => {
    const tools = ["a", "b"].map((name) => ({ type: "function", name, parameters: {}, strict: false }));
    const choice = { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "b" }] };
    const request = chat({ tools, tool_choice: choice });
    expect(request).toMatchObject({ tools: [{ function: { name: "b" } }], tool_choice: "required" });
    expect(request.tools).toHaveLength(1);
  });

  it("has images, files and sound, and those of results after the results", () => {
    const file = { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBE" };
    const { messages } = chat({
      input: [
        {
          role: "user",
          content: [
            { type: "input_text", text: "see" },
            { type: "input_image", image_url: image, detail: "low" },
            { type: "input_file", ...file },
          ],
        },
        { type: "function_call", call_id: "1", name: "look", arguments: "{}" },
        { type: "function_call", call_id: "2", name: "look", arguments: "{}" },
        {
          type: "function_call_output",
          call_id: "2",
          output: [
            { type: "input_text", text: "here" },
            { type: "input_image", image_url: image, detail: "auto" },
          ],
        },
        { type: "function_call_output", call_id: "1", output: "none" },
      ],
    });
    expect(messages).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "see" },
          { type: "image_url", image_url: { url: image, detail: "low" } },
          { type: "file", file },
        ],
      },
      {
        role: "assistant",
        content: null,
        tool_calls: ["1", "2"].map((id) => ({
          id,
          type: "function",
          function: { name: "look", arguments: "{}" },
        })),
      },
      { role: "tool", tool_call_id: "2", content: "here" },
      { role: "tool", tool_call_id: "1", content: "none" },
      { role: "user", content: [{ type: "image_url", image_url: { url: image, detail: "auto" } }] },
    ]);
  });

  it("has a result directly after its call, before messages of the user in between", () => {
    const { messages } = chat({
      input: [
        { type: "function_call", call_id: "1", name: "f", arguments: "{}" },
        { role: "user", content: "hurry" },
        { type: "function_call_output", call_id: "1", output: "ok" },
      ],
    });
    expect((messages as Fields[]).map(({ role }) => role)).toEqual(["assistant", "tool", "user"]);
  });

  it("has each result after the latest call of its id: some providers number calls anew in every answer", () => {
    const called = (n: number) => [
      { type: "function_call", call_id: "call_0", name: "f", arguments: `{"n":${n}}` },
      { type: "function_call_output", call_id: "call_0", output: `r${n}` },
    ];
    const { messages } = chat({ input: [...called(1), ...called(2)] });
    expect((messages as Fields[]).map(({ role, content }) => [role, content])).toEqual([
      ["assistant", null],
      ["tool", "r1"],
      ["assistant", null],
      ["tool", "r2"],
    ]);
  });

  it("has one system message for all those before the first turn", () => {
    const { messages } = chat({
      instructions: "a",
      input: [
        { role: "developer", content: "b" },
        { role: "system", content: [{ type: "input_text", text: "c" }] },
        { role: "user", content: "hello" },
        { role: "developer", content: "d" },
      ],
    });
    expect(messages).toEqual([
      { role: "system", content: "a\n\nb\n\nc" },
      { role: "user", content: "hello\n\n<system>\nd\n</system>" },
    ]);
  });

  it.each([
    ["made by another", { encrypted_content: "gAAAAABpForeign==" }],
    ["without its content", {}],
    ["that was meddled with", { encrypted_content: "mcpctl.1.!!!" }],
  ])("loses reasoning, %s", (_name, rest) => {
    const reasoning = {
      type: "reasoning",
      id: "rs_1",
      summary: [{ type: "summary_text", text: "hm" }],
      ...rest,
    };
    const body = {
      ...ask,
      input: [{ role: "user", content: "q" }, reasoning, { role: "assistant", content: "a" }],
    };
    for (const way of [toChat, toMessages]) {
      const sent = JSON.stringify(way.request(body, "theirs", {}));
      expect(sent).not.toMatch(/hm|rs_1|gAAAA|thinking/);
      expect(sent).toContain('"assistant"');
    }
  });
});

describe("Codex's recorded request", () => {
  const codex = recordedJson("openai/responses-codex.json") as Fields;

  it("reaches a chat provider with all its content", () => {
    const request = toChat.request(codex, "qwen3", {});
    expect((request.messages as Fields[]).map(({ role }) => role)).toEqual([
      ...["system", "user", "user", "assistant", "tool", "assistant", "tool"],
    ]);
    expect(request).toMatchObject({
      parallel_tool_calls: false,
      reasoning_effort: "medium",
      stream: true,
      tools: [
        { function: { name: "shell" } },
        { function: { name: "update_plan" } },
        { function: { name: "apply_patch" } },
      ],
    });
    const patched = (request.messages as { tool_calls?: { function: { arguments: string } }[] }[])[5];
    const { input } = JSON.parse(patched!.tool_calls![0]!.function.arguments) as { input: string };
    expect(input).toContain("+fn bar() {}");
    expect(JSON.stringify(request)).not.toContain("codex-installation-id");
  });

  it("reaches Anthropic with alternating turns", () => {
    const request = toMessages.request(codex, "claude-sonnet-5", quirks("anthropic", "claude-sonnet-5"));
    const turns = request.messages as { role: string; content: Fields[] }[];
    expect(turns.map(({ role }) => role)).toEqual(["user", "assistant", "user", "assistant", "user"]);
    expect(turns[1]?.content.map(({ type }) => type)).toEqual(["text", "tool_use"]);
    expect(request.system).toContain("You are Codex");
    expect(request.tool_choice).toEqual({ type: "auto", disable_parallel_tool_use: true });
  });
});
