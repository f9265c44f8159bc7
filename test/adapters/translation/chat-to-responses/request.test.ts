import { describe, expect, it } from "vitest";
import { quirksOf } from "../../../../src/adapters/quirks/index.ts";
import type { Quirks } from "../../../../src/adapters/quirks/types.ts";
import { translationFor } from "../../../../src/adapters/translation/index.ts";
import { fixedId } from "../streams.ts";
import type { Whatever } from "./answers.ts";

const fromChat = translationFor("chat", "responses", () => 0, fixedId)!;
const fromMessages = translationFor("messages", "responses", () => 0, fixedId)!;
const quirksFor = (model: string) => quirksOf({ type: "openai", host: "api.openai.com", model });
const hello = { role: "user", content: "hello" };

const sent = (body: object, model = "gpt-5.6-sol", more: Quirks = {}): Whatever =>
  JSON.parse(
    JSON.stringify(fromChat.request({ messages: [hello], ...body }, model, { ...quirksFor(model), ...more })),
  );
const sentMessages = (body: object, model = "gpt-5.6-sol"): Whatever =>
  JSON.parse(
    JSON.stringify(
      fromMessages.request({ max_tokens: 100, messages: [hello], ...body }, model, quirksFor(model)),
    ),
  );
const refusedAt = (run: () => unknown): Whatever => {
  try {
    return run();
  } catch (error) {
    return (error as { details: { path: string }[] }).details[0]!.path;
  }
};

describe("messages of chat, translated to responses (case 125)", () => {
  it("have their system messages as instructions, and later ones in their place", () => {
    const { instructions, input } = sent({
      messages: [
        { role: "system", content: "a" },
        { role: "developer", content: [{ type: "text", text: "b" }] },
        hello,
        { role: "developer", content: "c" },
      ],
    });
    expect(instructions).toBe("a\n\nb");
    expect(input).toEqual([
      { type: "message", role: "user", content: [{ type: "input_text", text: "hello" }] },
      { type: "message", role: "developer", content: [{ type: "input_text", text: "c" }] },
    ]);
  });

  it("keep text, images and files", () => {
    const content = [
      { type: "text", text: "see" },
      { type: "text", text: "" },
      { type: "image_url", image_url: { url: "https://x.test/a.png", detail: "low" } },
      { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
      { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AAAA" } },
    ];
    expect(sent({ messages: [{ role: "user", content }] }).input[0].content).toEqual([
      { type: "input_text", text: "see" },
      { type: "input_image", image_url: "https://x.test/a.png", detail: "low" },
      { type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "auto" },
      { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,AAAA" },
    ]);
  });

  it("keep the calls and results of tools, also of custom ones and with bad arguments", () => {
    const tool_calls = [
      { id: "call_1", type: "function", function: { name: "f", arguments: '{"a": 1' } },
      { id: "call_2", type: "custom", custom: { name: "patch", input: "***" } },
    ];
    const { input } = sent({
      messages: [
        hello,
        { role: "assistant", content: null, tool_calls },
        { role: "tool", tool_call_id: "call_1", content: "one" },
        { role: "tool", tool_call_id: "call_2", content: [{ type: "text", text: "two" }] },
      ],
    });
    expect(input.slice(1)).toEqual([
      { type: "function_call", call_id: "call_1", name: "f", arguments: '{"a": 1' },
      { type: "custom_tool_call", call_id: "call_2", name: "patch", input: "***" },
      { type: "function_call_output", call_id: "call_1", output: "one" },
      { type: "custom_tool_call_output", call_id: "call_2", output: "two" },
    ]);
  });

  it("refuse what is new and has no counterpart, and say in words what is history", () => {
    const sound = { role: "user", content: [{ type: "input_audio", input_audio: {} }] };
    expect(refusedAt(() => sent({ messages: [sound] }))).toBe("/messages/0/content/0/type");
    const { input } = sent({ messages: [sound, { role: "assistant", content: "ok" }, hello] });
    expect(input[0].content[0].text).toContain("input_audio");
    expect(refusedAt(() => sent({ messages: [] }))).toBe("/messages");
    expect(refusedAt(() => sent({ messages: [{ role: "system", content: "a" }] }))).toBe("/messages");
    expect(refusedAt(() => sent({ messages: [hello, { role: "critic", content: "a" }] }))).toBe(
      "/messages/1/role",
    );
  });

  it("keep images in the results of a messages caller's tools (case 130)", () => {
    const source = { type: "base64", media_type: "image/png", data: "AAAA" };
    const { input } = sentMessages({
      messages: [
        hello,
        { role: "assistant", content: [{ type: "tool_use", id: "call_1", name: "shot", input: {} }] },
        {
          role: "user",
          content: [
            {
              type: "tool_result",
              tool_use_id: "call_1",
              content: [
                { type: "text", text: "done" },
                { type: "image", source },
              ],
            },
            { type: "text", text: "and?" },
          ],
        },
      ],
    });
    expect(input.slice(2)).toEqual([
      {
        type: "function_call_output",
        call_id: "call_1",
        output: [
          { type: "input_text", text: "done" },
          { type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "auto" },
        ],
      },
      { type: "message", role: "user", content: [{ type: "input_text", text: "and?" }] },
    ]);
  });
});

describe("reasoning of the history (case 126)", () => {
  const detail = (id: string, index: number) => ({
    type: "reasoning.encrypted",
    format: "openai-responses-v1",
    id,
    index,
    data: `gAAAA${id}=`,
    summary: [],
  });
  const item = (id: string) => ({ type: "reasoning", id, summary: [], encrypted_content: `gAAAA${id}=` });
  const call = (id: string) => ({ id, type: "function", function: { name: "f", arguments: "{}" } });
  const kinds = (message: object, more: Quirks = {}) =>
    sent({ messages: [hello, { role: "assistant", ...message }] }, "gpt-5.6-sol", more).input.slice(1);

  it("stands where it was", () => {
    const items = kinds({
      content: "text",
      tool_calls: [call("call_1"), call("call_2")],
      reasoning_details: [detail("rs_1", 0), detail("rs_2", 2), detail("rs_3", 4)],
    });
    expect(items.map(({ id, call_id, type }: Whatever) => id ?? call_id ?? type)).toEqual([
      "rs_1",
      "message",
      "rs_2",
      "call_1",
      "rs_3",
      "call_2",
    ]);
    expect(items[0]).toEqual(item("rs_1"));
  });

  it("is left out where nothing follows it, where it is another provider's, and where it cannot be read", () => {
    const trailing = { content: "text", reasoning_details: [detail("rs_1", 0), detail("rs_2", 2)] };
    expect(kinds(trailing).map(({ type }: Whatever) => type)).toEqual(["reasoning", "message"]);
    const foreign = [
      { type: "reasoning.text", text: "x" },
      { ...detail("rs", 0), format: "google-gemini-v1" },
      null,
      7,
    ];
    expect(kinds({ content: "text", reasoning_details: foreign })).toHaveLength(1);
    expect(kinds(trailing, { sealedReasoning: false })).toHaveLength(1);
    expect(kinds({ content: "", reasoning_details: [detail("rs_1", 0)] })).toEqual([]);
  });

  it("does not go to a provider of chat", () => {
    const toChat = translationFor("messages", "chat", () => 0, fixedId)!;
    const answered = fromMessages.response(
      {
        status: "completed",
        output: [
          item("rs_1"),
          { type: "message", phase: "final_answer", content: [{ type: "output_text", text: "hi" }] },
        ],
      },
      "mine",
    ) as Whatever;
    const messages = [hello, { role: "assistant", content: answered.content }, hello];
    const { messages: chat } = toChat.request({ model: "mine", messages }, "m", {}) as Whatever;
    expect(chat[1]).toEqual({ role: "assistant", content: "hi" });
    const back = fromMessages.request({ model: "mine", messages }, "m", {
      sealedReasoning: true,
    }) as Whatever;
    expect(back.input[1]).toEqual(item("rs_1"));
    expect(back.input[2]).toMatchObject({ phase: "final_answer" });
    const elsewhere = fromMessages.request({ model: "other", messages }, "m", {
      sealedReasoning: true,
    }) as Whatever;
    expect(elsewhere.input.map(({ type }: Whatever) => type)).toEqual(["message", "message", "message"]);
  });
});

describe("settings of chat, translated to responses (case 125)", () => {
  it("ask for sealed reasoning and store nothing", () => {
    expect(sent({})).toEqual({
      model: "gpt-5.6-sol",
      input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "hello" }] }],
      reasoning: { summary: "auto" },
      store: false,
      include: ["reasoning.encrypted_content"],
    });
    expect(sent({}, "gpt-4o")).not.toHaveProperty("include");
    expect(sent({}, "gpt-4o")).not.toHaveProperty("reasoning");
  });

  it("have at least OpenAI's least limit, and at most the model's", () => {
    expect(sent({ max_tokens: 1 }).max_output_tokens).toBe(16);
    expect(sent({ max_tokens: 1, max_completion_tokens: 99 }).max_output_tokens).toBe(99);
    expect(sent({ max_tokens: 99 }, "m", { maxOutputTokens: 50 }).max_output_tokens).toBe(50);
  });

  it("keep effort, form, verbosity and what only describes", () => {
    const schema = { type: "object", properties: {}, additionalProperties: false };
    const described = {
      service_tier: "flex",
      user: "u",
      safety_identifier: "s",
      prompt_cache_key: "k",
      metadata: { a: "b" },
    };
    const request = sent({
      ...described,
      reasoning_effort: "high",
      verbosity: "low",
      response_format: { type: "json_schema", json_schema: { name: "n", schema, strict: true } },
      stream: true,
      stream_options: { include_usage: true },
      store: false,
    });
    expect(request).toMatchObject({
      ...described,
      reasoning: { effort: "high", summary: "auto" },
      text: { format: { type: "json_schema", name: "n", schema, strict: true }, verbosity: "low" },
      stream: true,
    });
    expect(request).not.toHaveProperty("stream_options");
    expect(sent({ reasoning_effort: "none" }).reasoning).toEqual({ effort: "none" });
    expect(sent({}, "gpt-5.6-sol", { without: ["reasoning.summary"] })).not.toHaveProperty("reasoning");
    expect(sent({ response_format: { type: "json_object" } }).text).toEqual({
      format: { type: "json_object" },
    });
    expect(sent({ response_format: { type: "text" } })).not.toHaveProperty("text");
  });

  it("have sampling only where the model takes it", () => {
    expect(sent({ temperature: 0.5, top_p: 0.9 })).not.toHaveProperty("temperature");
    expect(sent({ temperature: 0.5, top_p: 0.9 }, "gpt-4o")).toMatchObject({ temperature: 0.5, top_p: 0.9 });
  });

  it.each([
    ["stop", "x"],
    ["n", 2],
    ["logprobs", true],
    ["top_logprobs", 3],
    ["presence_penalty", 1],
    ["frequency_penalty", 1],
    ["logit_bias", { 5: 1 }],
    ["seed", 1],
    ["audio", {}],
    ["modalities", ["audio"]],
    ["function_call", "auto"],
    ["web_search_options", {}],
  ])("refuse %s by name", (name, value) => {
    expect(refusedAt(() => sent({ [name]: value }))).toBe(`/${name}`);
  });

  it("take values that ask for nothing", () => {
    const nothing = {
      n: 1,
      stop: [],
      logprobs: false,
      presence_penalty: 0,
      frequency_penalty: 0,
      logit_bias: {},
    };
    expect(sent(nothing)).toEqual(sent({}));
  });

  it("are named as the messages caller has them", () => {
    expect(refusedAt(() => sentMessages({ tool_choice: { type: "any" } }))).toBe("/tool_choice");
    expect(refusedAt(() => sentMessages({ top_k: 5 }, "gpt-4o"))).toBe("/top_k");
    const audio = { type: "audio", source: {} };
    expect(refusedAt(() => sentMessages({ messages: [{ role: "user", content: [audio] }] }))).toBe(
      "/messages/0/content/0/type",
    );
  });

  it("keep the effort of a messages caller, also with tools", () => {
    const tools = [{ name: "f", input_schema: { type: "object" } }];
    const effort = (body: object, model?: string) => sentMessages({ tools, ...body }, model).reasoning.effort;
    expect(effort({ output_config: { effort: "xhigh" } })).toBe("xhigh");
    expect(effort({ thinking: { type: "enabled", budget_tokens: 5_000 } })).toBe("medium");
    expect(effort({ thinking: { type: "adaptive" } })).toBe("medium");
    expect(effort({ thinking: { type: "disabled" } })).toBe("none");
    expect(effort({})).toBeUndefined();
    expect(effort({ thinking: { type: "adaptive" } }, "gpt-5-mini")).toBeUndefined();
  });

  it("make the same bytes of the same request, and more behind them of a longer one", () => {
    const body = { system: "s", tools: [{ name: "f", input_schema: { type: "object", properties: {} } }] };
    const one = JSON.stringify(sentMessages(body));
    expect(JSON.stringify(sentMessages(body))).toBe(one);
    const longer = sentMessages({ ...body, messages: [hello, { role: "assistant", content: "ok" }, hello] });
    expect(longer.input.slice(0, 1)).toEqual(JSON.parse(one).input);
  });
});

describe("tools of chat, translated to responses (case 125)", () => {
  const tool = (more: object) => ({ type: "function", function: { name: "f", ...more } });
  const optional = { type: "object", properties: { a: {} }, additionalProperties: false };

  it("say that they are not strict, unless they can be", () => {
    const strict = { ...optional, required: ["a"] };
    const tools = [
      tool({ description: "d", parameters: optional }),
      tool({ name: "g", parameters: strict, strict: true }),
      tool({ name: "h", parameters: optional, strict: true }),
      tool({ name: "i" }),
      tool({ name: "i", description: "named twice" }),
    ];
    expect(sent({ tools }).tools).toEqual([
      { type: "function", name: "f", description: "d", parameters: optional, strict: false },
      { type: "function", name: "g", parameters: strict, strict: true },
      { type: "function", name: "h", parameters: optional, strict: false },
      { type: "function", name: "i", parameters: { type: "object", properties: {} }, strict: false },
    ]);
  });

  it("keep custom tools with their grammar", () => {
    const grammar = { syntax: "lark", definition: "start: x" };
    const custom = { name: "p", description: "d", format: { type: "grammar", grammar } };
    expect(
      sent({
        tools: [
          { type: "custom", custom },
          { type: "custom", custom: { name: "q" } },
        ],
      }).tools,
    ).toEqual([
      { type: "custom", name: "p", description: "d", format: { type: "grammar", ...grammar } },
      { type: "custom", name: "q" },
    ]);
  });

  it.each([
    ["auto", "auto"],
    ["required", "required"],
    [
      { type: "function", function: { name: "f" } },
      { type: "function", name: "f" },
    ],
    [
      { type: "custom", custom: { name: "f" } },
      { type: "custom", name: "f" },
    ],
    [
      {
        type: "allowed_tools",
        allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name: "f" } }] },
      },
      { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "f" }] },
    ],
  ])("keep the choice %j", (tool_choice, expected) => {
    expect(sent({ tools: [tool({})], tool_choice, parallel_tool_calls: false })).toMatchObject({
      tool_choice: expected,
      parallel_tool_calls: false,
    });
  });

  it("are refused by name where they have no counterpart", () => {
    expect(refusedAt(() => sent({ tools: [{ type: "mystery" }] }))).toBe("/tools/0/type");
    expect(refusedAt(() => sent({ tools: [tool({})], tool_choice: { type: "mystery", x: 1 } }))).toBe(
      "/tool_choice",
    );
    expect(refusedAt(() => sent({ tool_choice: "required" }))).toBe("/tool_choice");
    expect(refusedAt(() => sent({ tools: [tool({ mystery: 1 })] }))).toBe("/tools/0/function/mystery");
  });
});
